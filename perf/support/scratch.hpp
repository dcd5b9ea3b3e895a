// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace bench {

/// A temporary directory in $TMPDIR or /tmp, which is removed with this object.
class scratch_directory {
public:
    scratch_directory() : path_{(std::filesystem::temp_directory_path() / "weir-bench-XXXXXX").string()} {
        if (::mkdtemp(path_.data()) == nullptr) throw std::system_error{errno, std::system_category(), "mkdtemp"};
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    ~scratch_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

} // namespace bench
