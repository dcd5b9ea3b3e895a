// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "temporary_directory.hpp"

namespace support {

/// A directory `www` in which another thread exchanges the directory `a`, with the file `below/file` ("mine"), and a
/// link to a directory outside, with a file of the same name ("secret").
class exchanged_directory {
public:
    exchanged_directory() {
        outside_.file("below/file", "secret");
        directory_.file("www/a/below/file", "mine");
        directory_.link(outside_.path(), "www/b");
        thread_ = std::thread{[this, a = directory_ / "www/a", b = directory_ / "www/b"] {
            while (!stop_) {
                if (::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), 2 /* RENAME_EXCHANGE */) == 0)
                    ++exchanged_;
            }
        }};
    }
    exchanged_directory(const exchanged_directory&) = delete;
    exchanged_directory& operator=(const exchanged_directory&) = delete;
    ~exchanged_directory() {
        stop_ = true;
        thread_.join();
    }

    /// The path of `www`.
    std::string path() const { return directory_ / "www"; }
    int exchanged() const noexcept { return exchanged_; }

private:
    temporary_directory outside_;
    temporary_directory directory_;
    std::atomic<bool> stop_{false};
    std::atomic<int> exchanged_{0};
    std::thread thread_;
};

} // namespace support
