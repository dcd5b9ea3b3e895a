// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <unistd.h>

namespace support {

/// A file with some content, gone at the end of the test.
class temporary_file {
public:
    explicit temporary_file(std::string_view content = {})
        : path_{(std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string()} {
        const int fd = ::mkstemp(path_.data());
        if (fd < 0) std::abort();
        ::close(fd);
        std::ofstream{path_, std::ios::binary} << content;
    }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    ~temporary_file() { ::unlink(path_.c_str()); }

    const std::string& path() const noexcept { return path_; }
    std::string content() const {
        std::ostringstream out;
        out << std::ifstream{path_, std::ios::binary}.rdbuf();
        return out.str();
    }

private:
    std::string path_;
};

} // namespace support
