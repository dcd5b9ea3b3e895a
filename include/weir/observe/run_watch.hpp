// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/observe/histogram.hpp>

namespace weir {

/// Something that ran for too long without giving others a turn.
struct stall {
    duration ran{};
    /// What ran, as `dump` shows it after the run: "spawned at src/log.cpp:80, parse at src/log.cpp:41 awaits next", so
    /// that it ran up to line 41. Empty if there was no memory for it.
    std::string what;
};

struct run_watch_options {
    /// Runs that take at least as long are reported.
    duration threshold = duration::max();
    /// Called after such a run, on the executor's thread. It must not throw. It may destroy the run_watch.
    std::function<void(const stall&)> on_stall = {};
};

/// Sums of durations, by what an executor did.
struct loop_phases {
    duration ready{};  ///< it ran wakers
    duration timers{}; ///< it fired timers
    duration io{};     ///< it submitted and completed I/O, and waited for I/O, timers and other threads
    duration inbox{};  ///< it ran functions from `post` and results from other threads
};

/// Measures for how long an executor's wakers run, while it exists, and reports what holds up all others.
///
///     weir::run_watch watch{ex, {.threshold = 10ms, .on_stall = [](const weir::stall& s) { log(s.what, s.ran); }}};
///     ex.run(server());
///     report(watch.turns().quantile(0.99));
///
/// A run lasts from a wake of a coroutine or an operator until it waits or yields. A blocking call, or a long
/// computation, stands out there: it belongs into `offload`. The numbers are in `prometheus_text` too.
///
/// Threads: created and destroyed on the executor's thread, or while no thread runs the executor. It must not outlive
/// the executor.
/// Cost: two readings of the clock for each run, and five for each turn. Nothing without it.
/// See: dump, offload, histogram.
/// @throws std::logic_error when the executor has a run_watch already, or is a simulation that tries orders of wakes
class run_watch {
public:
    explicit run_watch(executor& ex, run_watch_options options = {});
    run_watch(const run_watch&) = delete;
    run_watch& operator=(const run_watch&) = delete;
    ~run_watch();

    /// How long each run took, by the clock of the machine.
    const histogram& runs() const noexcept;
    /// How long the runs of one turn took: the time in which neither timers nor I/O were seen to.
    const histogram& turns() const noexcept;
    /// How late the executor looked at timers that were due, by its own clock. Under virtual time it is never late.
    const histogram& lag() const noexcept;
    /// How long the executor was in each phase of its turns so far, by the clock of the machine.
    loop_phases phases() const noexcept;
    std::size_t stalls() const noexcept;
    /// The largest number of wakers that were ready at the start of a turn; counted up to 1024.
    std::size_t longest_queue() const noexcept;

private:
    class measuring;

    std::unique_ptr<measuring> measuring_;
};

} // namespace weir
