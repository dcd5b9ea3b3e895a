// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

namespace weir::kernel {

/// The result of a system call, or the negative errno of its failure.
inline int or_error(long result) noexcept { return result >= 0 ? static_cast<int>(result) : -errno; }

} // namespace weir::kernel
