// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir {
class executor;
}

namespace weir::detail {

/// Is called for a new executor when the environment names a file for traces. The room observe defines it.
void trace_new_executor(executor& ex, const char* path) noexcept;

} // namespace weir::detail
