// SPDX-License-Identifier: MIT
#include <weir/io/file.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/backend/unix_address.hpp>
#include <weir/io/process.hpp>
#include <weir/io/resolve.hpp>
#include <weir/source/follow.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/process_output.hpp>
#include <weir/source/read.hpp>
#include <weir/source/walk.hpp>
#include <weir/source/watch.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include "raw_io.hpp"
#include "temporary_file.hpp"

TEST_SUITE("io/file") {
    TEST_CASE("file: each read continues where the last one ended, to the end of the file") {
        const support::temporary_file t{"hello world"};
        weir::executor ex;
        weir::file f = ex.run(weir::open(t.path()));
        std::array<char, 6> buffer{};
        CHECK(ex.run(f.read(buffer)) == 6);
        CHECK(std::string{buffer.data(), 6} == "hello ");
        CHECK(ex.run(f.read(buffer)) == 5);
        CHECK(ex.run(f.read(buffer)) == 0);
        CHECK(ex.run(f.read(buffer)) == 0);
        CHECK(ex.run(f.size()) == 11);
    }

    TEST_CASE("a coroutine reads a file") {
        const support::temporary_file t{"hello"};
        weir::executor ex;
        const auto read_all = [&]() -> weir::task<std::string> {
            weir::file f = co_await weir::open(t.path());
            std::string text(co_await f.size(), '\0');
            text.resize(co_await f.read(text));
            co_return text;
        };
        CHECK(ex.run(read_all()) == "hello");
    }

    TEST_CASE("file: reads and writes at an offset do not move the position") {
        const support::temporary_file t{"0123456789"};
        weir::executor ex;
        weir::file f = ex.run(weir::open(t.path(), weir::open_mode::update));
        std::array<char, 3> buffer{};
        CHECK(ex.run(f.read_at(7, buffer)) == 3);
        CHECK(std::string{buffer.data(), 3} == "789");
        CHECK(ex.run(f.read_at(9, buffer)) == 1);
        CHECK(ex.run(f.read_at(100, buffer)) == 0);
        ex.run(f.write_at(4, "xyz"));
        CHECK(ex.run(f.read(buffer)) == 3);
        CHECK(std::string{buffer.data(), 3} == "012");
        CHECK(t.content() == "0123xyz789");
    }

    TEST_CASE("file: an offset beyond the system's range is rejected") {
        const support::temporary_file t{"0123456789"};
        weir::executor ex;
        weir::file f = ex.run(weir::open(t.path(), weir::open_mode::update));
        std::array<char, 3> buffer{};
        const std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
        CHECK_THROWS_WITH_AS(static_cast<void>(f.read_at(largest + 1, buffer)),
                             "weir::file::read_at: the offset is beyond 2^63 - 1: 9223372036854775808",
                             std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(f.write_at(~std::uint64_t{0}, "x")), std::invalid_argument);
        CHECK(t.content() == "0123456789");
        CHECK(ex.run(f.read_at(largest - 4096, buffer)) == 0);
    }

    TEST_CASE("every function with a path or a host name rejects a NUL character in it") {
        const std::string text{"/tmp\0/elsewhere", 15};
        weir::executor ex;
        const char* message = "weir::open: the path contains a NUL character at position 4: /tmp";
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::open(text)), message, std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::read(text)), message, std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::lines(text)), message, std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::walk(text)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::watch(text)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::follow(text)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::spawn_process({text})), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::process_output({"true", text})), std::invalid_argument);
        CHECK_THROWS_AS(ex.run(weir::resolve(text, 80)), std::invalid_argument);
        CHECK_THROWS_AS(ex.run(weir::tcp_connect(text, 80)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::unix_address{text}), std::invalid_argument);
    }

    TEST_CASE("file: each open mode creates, truncates or appends as documented") {
        const support::temporary_file t{"old"};
        weir::executor ex;
        const auto write = [&](weir::open_mode mode, const char* text) {
            weir::file f = ex.run(weir::open(t.path(), mode));
            ex.run(f.write(text));
            ex.run(f.sync());
        };
        write(weir::open_mode::append, "er");
        CHECK(t.content() == "older");
        write(weir::open_mode::update, "c");
        CHECK(t.content() == "clder");
        write(weir::open_mode::write, "new");
        CHECK(t.content() == "new");
        CHECK(support::system_error_of([&] { return ex.run(weir::open(t.path(), weir::open_mode::create)); }) ==
              "open " + t.path() + ": File exists");
        std::filesystem::remove(t.path());
        CHECK(support::system_error_of([&] { return ex.run(weir::open(t.path(), weir::open_mode::update)); }) ==
              "open " + t.path() + ": No such file or directory");
        write(weir::open_mode::create, "made");
        CHECK(t.content() == "made");
    }

    TEST_CASE("file: an error names the attempted action and the path") {
        weir::executor ex;
        const auto directory = std::filesystem::temp_directory_path().string();
        weir::file d = ex.run(weir::open(directory));
        std::array<char, 8> buffer{};
        CHECK(support::system_error_of([&] { return ex.run(d.read(buffer)); }) ==
              "read " + directory + ": Is a directory");

        const support::temporary_file t{"x"};
        weir::file f = ex.run(weir::open(t.path()));
        CHECK(support::system_error_of([&] {
                  ex.run(f.write("y"));
                  return 0;
              }) == "write " + t.path() + ": Bad file descriptor");
        f.close();
        CHECK(support::system_error_of([&] { return ex.run(f.read(buffer)); }) ==
              "read " + t.path() + ": Bad file descriptor");
        CHECK(support::system_error_of([&] { return ex.run(f.size()); }) ==
              "stat " + t.path() + ": Bad file descriptor");
    }

    TEST_CASE("file: writing to a full device fails") {
        weir::executor ex;
        weir::file full = ex.run(weir::open("/dev/full", weir::open_mode::update));
        CHECK(support::system_error_of([&] {
                  ex.run(full.write("x"));
                  return 0;
              }) == "write /dev/full: No space left on device");
    }

    TEST_CASE("file: devices that epoll does not support are read and written") {
        weir::executor ex;
        weir::file null = ex.run(weir::open("/dev/null", weir::open_mode::update));
        weir::file zero = ex.run(weir::open("/dev/zero"));
        std::array<char, 8> buffer{1, 2, 3};
        CHECK(ex.run(null.read(buffer)) == 0);
        ex.run(null.write(std::string(100'000, 'x')));
        CHECK(ex.run(zero.read(buffer)) == 8);
        CHECK(buffer[0] == 0);
    }

    TEST_CASE("file: a pipe carries more than its capacity") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        const std::string much(3'000'000, 'x');
        auto writing = support::begin(ex, p.write_end.write(much));
        CHECK_FALSE(writing.finished());
        std::vector<char> buffer(100'000);
        std::size_t got = 0;
        while (got != much.size()) got += ex.run(p.read_end.read(buffer));
        ex.run(std::move(writing));
        p.write_end.close();
        CHECK(ex.run(p.read_end.read(buffer)) == 0);
    }

    TEST_CASE("a write to a pipe without a reader is a broken pipe") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        p.read_end.close();
        CHECK(support::system_error_of([&] {
                  ex.run(p.write_end.write("x"));
                  return 0;
              }) == "write pipe: Broken pipe");
    }

    TEST_CASE("file: a borrowed descriptor in blocking mode does not block the executor and stays open") {
        weir::executor ex;
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        {
            weir::file read_end = weir::file::borrow(ends[0], "blocking");
            weir::file write_end = weir::file::borrow(ends[1], "blocking");
            std::array<char, 8> buffer{};
            auto reading = support::begin(ex, read_end.read(buffer));
            CHECK_FALSE(reading.finished());
            ex.run(write_end.write("hello"));
            CHECK(ex.run(std::move(reading)) == 5);

            const std::string much(300'000, 'x');
            auto writing = support::begin(ex, write_end.write(much));
            CHECK_FALSE(writing.finished());
            std::vector<char> room(10'000);
            for (std::size_t got = 0; got != much.size();) got += ex.run(read_end.read(room));
            ex.run(std::move(writing));
        }
        CHECK(::write(ends[1], "x", 1) == 1);
        ::close(ends[0]);
        ::close(ends[1]);
    }

    TEST_CASE("file: a borrowed descriptor number that was reopened is a new file") {
        weir::executor ex;
        for (int round = 0; round != 3; ++round) {
            int ends[2];
            REQUIRE(::pipe(ends) == 0);
            weir::file read_end = weir::file::borrow(ends[0], "borrowed");
            std::array<char, 8> buffer{};
            auto reading = support::begin(ex, read_end.read(buffer));
            REQUIRE(::write(ends[1], "ab", 2) == 2);
            CHECK(ex.run(std::move(reading)) == 2);
            ::close(ends[0]);
            ::close(ends[1]);
        }
    }
}
