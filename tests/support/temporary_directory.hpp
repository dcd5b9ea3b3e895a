// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

namespace support {

/// An empty directory, gone with all that is in it at the end of the test.
class temporary_directory {
public:
    temporary_directory() : path_{(std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string()} {
        if (::mkdtemp(path_.data()) == nullptr) std::abort();
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const noexcept { return path_; }
    friend std::string operator/(const temporary_directory& d, std::string_view name) {
        return d.path_ + '/' + std::string{name};
    }

    /// Makes one, and the directories above it. Its path.
    std::string directory(std::string_view name) const {
        std::filesystem::create_directories(*this / name);
        return *this / name;
    }
    std::string file(std::string_view name, std::string_view content = {}) const {
        const std::filesystem::path path{*this / name};
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path, std::ios::binary} << content;
        return path.string();
    }
    void link(std::string_view to, std::string_view name) const { std::filesystem::create_symlink(to, *this / name); }

private:
    std::string path_;
};

} // namespace support
