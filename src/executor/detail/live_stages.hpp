// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <executor/detail/type_outline.hpp>

namespace weir {
class executor;
}

namespace weir::detail {

/// The stages of everything that an executor runs: pipelines, and the coroutines that await them, each behind what it
/// awaits. The last stage of an operation has a second line with the place where it was started.
std::vector<outlined_stage> live_stages(executor& ex);

} // namespace weir::detail
