// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// What a metered stage has done: the sum over all stages of that name on one executor. See meter.
///
/// A stage that has been polled waits for upstream, or nothing is asked of it; the two times add up to the time that it
/// has existed. A stage that exists twice, in two pipelines, adds its times twice.
struct stage_metrics {
    std::string name;
    std::uint64_t started = 0;   ///< stages that were polled
    std::uint64_t items = 0;     ///< items that were passed on
    std::uint64_t ended = 0;     ///< stages that reached the end
    std::uint64_t failed = 0;    ///< stages that ended with an error
    std::uint64_t cut_short = 0; ///< stages that were dropped before their end
    duration waited{};           ///< the consumer had asked, and upstream had no item
    duration unasked{};          ///< the consumer did not ask, since it was busy or waited for something else
    /// The time that one poll of upstream takes, by the clock of the machine: the mean of a sample, one poll in 256.
    /// Zero before the first sample.
    std::chrono::nanoseconds sampled_poll{};

    /// The share of the ended stages that failed. 0 when none has ended.
    double error_rate() const noexcept;
};

/// The metered stages of an executor, in the order of their first polls.
std::vector<stage_metrics> metered_stages(executor& ex);

/// What the task groups of one name have done on one executor, those that were destroyed included. See task_groups.
struct group_metrics {
    std::string name;
    std::size_t running = 0;   ///< operations that run now
    std::size_t waiting = 0;   ///< operations that wait for a place
    std::uint64_t done = 0;    ///< operations that have ended without an error
    std::uint64_t failed = 0;  ///< operations that have ended with an error
    std::uint64_t dropped = 0; ///< operations that were dropped: by a failure, by `cancel`, or with their group
};

/// The task groups of an executor that have a name, in the order of their creation. The body of a with_group is not
/// counted.
///
///     weir::task_group connections{{.name = "connections"}};
std::vector<group_metrics> task_groups(executor& ex);

/// The part of a pipeline that holds back the others. See bottleneck.
struct bottleneck_report {
    enum class part {
        stage,    ///< the operators between the meter of that name and the meters upstream of it
        consumer, ///< the operators and the sink downstream of the last meter, which has that name
    };

    part where = part::stage;
    std::string meter;
    duration held{};  ///< the time for which the other parts waited for this part and for nothing else
    double share = 0; ///< `held` as a share of the time for which the pipeline has existed, from 0 to 1
    /// The factor by which the pipeline would be faster if this part were twice as fast: for parts that take turns, and
    /// the upper limit for parts that overlap, by buffers or concurrent operations.
    double gain_in_turns = 1;
    double gain_at_most = 1;
    /// Whether `held` contains computing time, which is estimated from a sample.
    bool estimated = false;

    /// "parse holds the others back for 62% of the time; twice as fast, it would make the pipeline 1.4 times as fast
    /// where stages take turns, and at most 2 times where they overlap"
    std::string text() const;
};

/// Returns the part that holds back the others for the largest share of the time, of all metered pipelines of an
/// executor. Returns std::nullopt before any time has passed.
///
///     read(path) | meter("read") | map_async(8, parse) | meter("parse") | for_each(store)
///
///     if (auto slow = weir::bottleneck(ex)) log(slow->text());
///
/// A meter is named after the stage in front of it. A stage holds the others back while its meter waits and no meter
/// upstream of it does. The consumer does so while it does not ask the last meter. The times are exact where stages
/// wait. Where they compute, they are estimated from the sampled polls.
///
/// A stage that works ahead of demand, such as map_async or buffer, is seen only while its meter waits. The time for
/// which it works while the consumer is busy counts as the consumer's. With 300 ms of work in a map_async(1) and a
/// consumer that takes 250 ms, the consumer is reported, although map_async limits the pipeline. In such a pipeline,
/// compare `stage_metrics::waited`: a stage whose meter waits for each item is slower than its consumer.
///
/// See: meter, metered_stages.
std::optional<bottleneck_report> bottleneck(executor& ex);

} // namespace weir
