// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
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

} // namespace weir
