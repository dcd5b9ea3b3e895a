// SPDX-License-Identifier: MIT
#include "kernel/file_system.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "exchanged_directory.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

using weir::symlinks;
using weir::kernel::open_step_by_step;

std::string content(int fd) {
    if (fd < 0) return "";
    std::array<char, 64> buffer{};
    const auto size = ::read(fd, buffer.data(), buffer.size());
    ::close(fd);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

} // namespace

TEST_SUITE("kernel/file_system") {
    TEST_CASE("open_step_by_step answers as openat2 does with RESOLVE_BENEATH") {
        const support::temporary_directory outside;
        outside.file("secret", "secret");
        const support::temporary_directory d;
        d.file("www/a/page", "page");
        d.link("a/page", "www/inside");
        d.link("a", "www/to_a");
        d.link(outside.path(), "www/absolute");
        d.link("../..", "www/a/up");
        d.link("loop", "www/loop");
        d.link("a/dangling", "www/dangling");
        const std::string www = d / "www";
        const int directory = ::open(www.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        const std::size_t open = support::open_descriptors();
        const auto read = [&](const char* path, int flags = O_RDONLY, symlinks how = symlinks::follow) {
            return open_step_by_step(directory, path, flags | O_CLOEXEC, 0644, how);
        };
        for (const char* path : {"a/page", "./a//page", "a/../a/page", "inside", "to_a/page", "to_a/../inside"})
            CHECK(content(read(path)) == "page");
        for (const char* path : {"..", "../www/a", "/etc/passwd", "absolute/secret", "absolute", "a/up/x", "a/../../x"})
            CHECK(read(path) == -EXDEV);
        CHECK(read("") == -ENOENT);
        CHECK(read("a/none") == -ENOENT);
        CHECK(read("a/page/x") == -ENOTDIR);
        CHECK(read("a/page/") == -ENOTDIR);
        CHECK(read("inside/") == -ENOTDIR);
        CHECK(read("loop") == -ELOOP);
        CHECK(read("inside", O_RDONLY, symlinks::stay) == -ELOOP);
        CHECK(read("to_a/page", O_RDONLY, symlinks::stay) == -ELOOP);
        CHECK(read("inside", O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
        CHECK(read("new/", O_RDWR | O_CREAT) == -EISDIR);
        CHECK(::close(read("to_a/", O_RDONLY | O_DIRECTORY)) == 0);
        CHECK(::close(read("a/..", O_RDONLY | O_DIRECTORY)) == 0);
        CHECK(::close(read("dangling", O_RDWR | O_CREAT)) == 0);
        CHECK(::access((www + "/a/dangling").c_str(), F_OK) == 0);
        CHECK(support::open_descriptors() == open);
        ::close(directory);
    }

    TEST_CASE("open_step_by_step is not led out of its directory by an exchange of a directory and a link") {
        const support::exchanged_directory www;
        const int directory = ::open(www.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        int mine = 0;
        int refused = 0;
        for (int i = 0; i != 200'000 && (i < 5000 || mine == 0 || refused == 0); ++i) {
            const int fd =
                open_step_by_step(directory, "a/below/../../a/below/file", O_RDONLY | O_CLOEXEC, 0, symlinks::follow);
            if (fd >= 0) {
                REQUIRE(content(fd) == "mine");
                ++mine;
            } else {
                REQUIRE((fd == -EXDEV || fd == -EAGAIN || fd == -ENOTDIR));
                ++refused;
            }
        }
        ::close(directory);
        CHECK(mine != 0);
        CHECK(refused != 0);
    }
}
