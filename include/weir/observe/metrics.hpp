// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
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

/// The part of a pipeline that holds back the others. See bottleneck.
struct bottleneck_report {
    enum class part {
        stage,    ///< what stands between the meter of that name and the meters upstream of it
        consumer, ///< what follows the last meter, which has that name
    };

    part where = part::stage;
    std::string meter;
    duration held{};  ///< for so long the others waited for this part and for nothing else
    double share = 0; ///< of the time for which the pipeline has existed
    /// By which factor the pipeline would be faster if this part were twice as fast: where its parts take turns, and at
    /// most where buffers or concurrent operations let them overlap.
    double gain_in_turns = 1;
    double gain_at_most = 1;
    /// Whether `held` contains computing time, which is estimated from a sample.
    bool estimated = false;

    /// "parse holds the others back for 62% of the time; twice as fast, it would make the pipeline 1.4 times as fast
    /// where stages take turns, and at most 2 times where they overlap"
    std::string text() const;
};

/// Which part holds back the others, in the pipeline with the largest such share; empty before any time has passed.
///
///     read(path) | meter("read") | map_async(8, parse) | meter("parse") | for_each(store)
///
///     if (auto slow = weir::bottleneck(ex)) log(slow->text());
///
/// A meter is named after the stage in front of it. A stage holds the others back while its meter waits and no meter
/// upstream of it does. The consumer does so while nothing is asked of the last meter. Where stages wait these numbers
/// are exact. Where they compute, they are estimated from the sampled polls.
///
/// See: meter, metered_stages.
std::optional<bottleneck_report> bottleneck(executor& ex);

} // namespace weir
