// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/file_system.hpp>

namespace weir::kernel {

/// The same for all backends over a kernel.
file_system& kernel_files() noexcept;

} // namespace weir::kernel
