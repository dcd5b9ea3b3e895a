// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/file_system.hpp>

namespace weir::kernel {

/// Returns the file system of the kernel, which all backends over a kernel share.
file_system& kernel_files() noexcept;

} // namespace weir::kernel
