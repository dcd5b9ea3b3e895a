// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include <weir/core/time.hpp>
#include <weir/observe/histogram.hpp>

namespace weir {
class executor;
}

namespace weir::detail {

/// What a run_watch has measured.
struct run_measurements {
    histogram runs;
    histogram turns;
    histogram lag;
    std::array<duration, 4> phases{}; // by loop_phase
    std::size_t stalls = 0;
    std::size_t longest_queue = 0;
};

/// Adds measurements to the metrics of an executor, in place of earlier ones; null removes them.
void show_runs(executor& ex, const run_measurements* measured);
/// Returns the measurements that show_runs has added, or null if there are none.
const run_measurements* shown_runs(executor& ex);

} // namespace weir::detail
