// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <weir/backend/backend.hpp>

namespace weir::kernel {

/// How much is asked of the kernel. Less is for tests.
struct uring_limits {
    unsigned submissions = 256; ///< requests handed over at once
    unsigned completions = 4096;
    /// Lent to the kernel for what it receives, of each size; 0: as with a kernel that takes none.
    unsigned blocks = 256;
    unsigned older = 0; ///< 1, 2: as with a kernel that knows less of how answers come
};

/// Makes each of the three system calls of io_uring once, on a ring of its own. Some sandboxes permit the first alone.
/// @throws std::system_error naming the call that was refused
void check_uring();

/// @throws std::system_error when the kernel does not give a ring, or one that is too old
std::unique_ptr<backend> make_uring_backend(const uring_limits& limits = {});

} // namespace weir::kernel
