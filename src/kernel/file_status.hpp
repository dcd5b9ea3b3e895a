#pragma once

#include <cstdint>

namespace weir::kernel {

struct file_status {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    bool regular = false;

    bool same_file(const file_status& other) const noexcept { return device == other.device && inode == other.inode; }
};

/// Of what is open, or at a path. False where there is none, or no way to it.
bool status_of(int fd, file_status& result) noexcept;
bool status_of(const char* path, file_status& result) noexcept;

} // namespace weir::kernel
