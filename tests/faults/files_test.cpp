// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/read.hpp>

#include "child.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

constexpr std::size_t disk_size = 1 << 20;

void put(const char* path, const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, text.data(), text.size()) < 0)
        throw std::system_error{errno, std::system_category(), path};
    ::close(fd);
}

/// A disk of 1 MiB there, for this process alone.
void mount_small_disk(const std::string& path) {
    const auto user = std::to_string(::getuid());
    const auto group = std::to_string(::getgid());
    if (::unshare(user == "0" ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0) {
        throw std::system_error{errno, std::system_category(), "unshare"};
    }
    if (user != "0") {
        put("/proc/self/setgroups", "deny");
        put("/proc/self/uid_map", "0 " + user + " 1");
        put("/proc/self/gid_map", "0 " + group + " 1");
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        ::mount("none", path.c_str(), "tmpfs", 0, "size=1m") < 0) {
        throw std::system_error{errno, std::system_category(), "mount"};
    }
}

auto blocks(int count) {
    return weir::iota(0, count) | weir::map([](int) { return std::string(10'000, 'x'); });
}

} // namespace

TEST_SUITE("faults/files") {
    TEST_CASE("file faults: a full disk fails the write with an error that names the file") {
        const support::temporary_directory directory;
        const std::string path = directory / "file";
        const std::string answer = support::in_child([&] {
            try {
                mount_small_disk(directory.path());
            } catch (const std::system_error& e) {
                return std::string{"skipped: "} + e.what();
            }
            weir::executor ex;
            const std::string error =
                support::system_error_of([&] { return ex.run(blocks(1000) | weir::write(path)); });
            if (ex.io().in_flight() != 0) return std::string{"something is still in flight"};
            const auto size = std::filesystem::file_size(path);
            // And when there is room again, it is used.
            std::filesystem::remove(path);
            const auto written = ex.run(blocks(10) | weir::write(path));
            return error + ", " + std::to_string(size) + ", " + std::to_string(written);
        });
        if (answer.starts_with("skipped: ")) {
            std::fprintf(stderr, "faults/files: no small disk: %s\n", answer.c_str());
        } else {
            CHECK(answer == "write " + path + ": No space left on device, " + std::to_string(disk_size) + ", 100000");
        }
    }

    TEST_CASE("file faults: a write to a device that is always full fails") {
        weir::executor ex;
        CHECK(support::system_error_of([&] { return ex.run(blocks(1) | weir::write("/dev/full")); }) ==
              "write /dev/full: No space left on device");
        auto full = ex.run(weir::open("/dev/full", weir::open_mode::update));
        CHECK(support::system_error_of([&] {
                  ex.run(full.write("x"));
                  return 0;
              }) == "write /dev/full: No space left on device");
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("file faults: reading a directory as a file fails with an error that names it") {
        weir::executor ex;
        const support::temporary_directory directory;
        const std::string expected = "read " + directory.path() + ": Is a directory";
        const std::size_t before = support::open_descriptors();
        CHECK(support::system_error_of([&] { return ex.run(weir::read(directory.path()) | weir::drain()); }) ==
              expected);
        CHECK(support::system_error_of([&] { return ex.run(weir::lines(directory.path()) | weir::drain()); }) ==
              expected);
        CHECK(support::system_error_of([&] { return ex.run(blocks(1) | weir::write(directory.path())); }) ==
              "open " + directory.path() + ": Is a directory");
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("file faults: a file that is removed while it is read is read to its end") {
        weir::executor ex;
        const support::temporary_directory directory;
        const std::string path = directory.file("gone", std::string(300'000, 'x'));
        auto file = ex.run(weir::open(path));
        std::filesystem::remove(path);
        std::size_t size = 0;
        ex.run(weir::read(file) | weir::map([&](const weir::bytes& part) { return size += part.size(); }) |
               weir::drain());
        CHECK(size == 300'000);
    }

    TEST_CASE("file faults: closing the other end of a pipe ends a pending read and fails a pending write") {
        weir::executor ex;
        int read_end = -1;
        int write_end = -1;
        const auto open = [&] {
            REQUIRE(ex.io().open_pipe(read_end, write_end) == 0);
            return std::pair{weir::file{weir::detail::descriptor{read_end, ex.io().closer()}, "reader"},
                             weir::file{weir::detail::descriptor{write_end, ex.io().closer()}, "writer"}};
        };
        auto one = open();
        std::string text(10, ' ');
        auto reading = support::begin(ex, one.first.read(text));
        CHECK_FALSE(reading.finished());
        one.second.close();
        CHECK(ex.run(std::move(reading)) == 0);

        auto other = open();
        const std::string much(1 << 20, 'x');
        auto writing = support::begin(ex, other.second.write(much));
        CHECK_FALSE(writing.finished());
        other.first.close();
        CHECK(support::system_error_of([&] {
                  ex.run(std::move(writing));
                  return 0;
              }) == "write writer: Broken pipe");
    }
}
