// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

namespace weir::detail {

/// Returns the numbers of the processors that this process may use.
/// @throws std::system_error
std::vector<int> usable_cpus();

/// Binds the calling thread to one processor.
/// @throws std::system_error
void pin_this_thread(int cpu);

} // namespace weir::detail
