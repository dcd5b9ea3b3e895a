// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

namespace weir::detail {

/// The processors that this process may use, by number.
/// @throws std::system_error
std::vector<int> usable_cpus();

/// @throws std::system_error
void pin_this_thread(int cpu);

} // namespace weir::detail
