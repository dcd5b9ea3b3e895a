// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <weir/backend/backend.hpp>

namespace weir::kernel {

/// The sizes that are requested from the kernel. Tests use smaller ones.
struct uring_limits {
    unsigned submissions = 256; ///< requests in one submission
    unsigned completions = 4096;
    /// The number of blocks of each size that are lent to the kernel for receiving. With 0, the backend behaves as over
    /// a kernel without this feature.
    unsigned blocks = 256;
    unsigned older = 0; ///< the number of choices in open_ring to skip, as an older kernel would
};

/// Makes each of the three system calls of io_uring once, on a ring of its own. Some sandboxes permit the first alone.
/// @throws std::system_error naming the call that was refused
void check_uring();

/// @throws std::system_error when the kernel creates no ring, or one that lacks needed features
std::unique_ptr<backend> make_uring_backend(const uring_limits& limits = {});

} // namespace weir::kernel
