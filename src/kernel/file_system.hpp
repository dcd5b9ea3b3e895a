// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include <sys/types.h>

#include <weir/backend/file_system.hpp>

namespace weir::kernel {

/// Returns the file system of the kernel, which all backends over a kernel share.
file_system& kernel_files() noexcept;

/// Opens a file. The path starts in the directory and never leaves it: -EXDEV. -EAGAIN when a rename on the way has
/// made that uncertain. Without a directory (-1) it is open(2).
int open_path(int directory, const char* path, int flags, mode_t permissions) noexcept;

/// The same as openat2(2) with RESOLVE_BENEATH, for kernels and sandboxes without it.
int open_step_by_step(int directory, const char* path, int flags, mode_t permissions, symlinks how) noexcept;

/// A path that names what a descriptor refers to, where /proc is mounted. It allocates nothing.
class descriptor_path {
public:
    explicit descriptor_path(int fd) noexcept;
    const char* c_str() const noexcept { return text_.data(); }

private:
    std::array<char, 32> text_{"/proc/self/fd/"};
};

} // namespace weir::kernel
