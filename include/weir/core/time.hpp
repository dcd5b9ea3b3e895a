// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <chrono>

namespace weir {

/// The executor's clock: monotonic, in nanoseconds. The epoch of a virtual clock is the start of the test.
using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

} // namespace weir
