// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>

#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchanged_directory.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

std::string content(weir::executor& ex, weir::file f) {
    std::array<char, 64> buffer{};
    return {buffer.data(), ex.run(f.read(buffer))};
}

} // namespace

TEST_SUITE("io/file") {
    TEST_CASE("open beneath a directory follows paths and links that stay below it, and no others") {
        const support::temporary_directory outside;
        const std::string secret = outside.file("secret", "secret");
        const support::temporary_directory d;
        d.file("www/a/page", "page");
        d.link("a/page", "www/inside");
        d.link("../www/a", "www/up_and_down");
        d.link(outside.path(), "www/absolute");
        d.link("../..", "www/a/up");
        d.link("loop", "www/loop");
        const std::string www = d / "www";
        const std::size_t before = support::open_descriptors();
        weir::executor ex;
        const std::size_t open = support::open_descriptors();
        const auto read = [&](const char* path) { return content(ex, ex.run(weir::open(weir::beneath(www, path)))); };
        CHECK(read("a/page") == "page");
        CHECK(read("./a//../a/page") == "page");
        CHECK(read("inside") == "page");

        const auto failure = [&](const char* path) { return support::system_error_of([&] { return read(path); }); };
        const auto leads_out = [&](const std::string& path) {
            return "open " + path + " beneath " + www +
                   ": the path leads out of the directory: Invalid cross-device link";
        };
        for (const char* path : {"..", "../www/a/page", "/etc/passwd", "absolute/secret", "a/up/x", "up_and_down/page"})
            CHECK(failure(path) == leads_out(path));
        CHECK(failure(secret.c_str()) == leads_out(secret));
        CHECK(failure("a/none") == "open a/none beneath " + www + ": No such file or directory");
        CHECK(failure("loop") == "open loop beneath " + www + ": Too many levels of symbolic links");
        CHECK(support::system_error_of([&] { return ex.run(weir::open(weir::beneath(d / "none", "a"))); }) ==
              "open " + d / "none" + ": No such file or directory");
        CHECK_THROWS_AS(weir::beneath(www, std::string("a\0b", 3)), std::invalid_argument);

        auto made = ex.run(weir::open(weir::beneath(www, "a/new"), weir::open_mode::create, 0640));
        CHECK(made.name() == "a/new");
        struct stat status{};
        CHECK(::stat((www + "/a/new").c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0640);
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::open(weir::beneath(www, "absolute/new"), weir::open_mode::write));
              }) == leads_out("absolute/new"));
        made = {};
        CHECK(support::open_descriptors() == open);
        { const auto dropped = support::begin(ex, weir::open(weir::beneath(www, "a/page"))); }
        ex.turn(ex.now());
        CHECK(support::open_descriptors() == open);
        CHECK(before < open);
    }

    TEST_CASE("open beneath a directory stays in it while another thread exchanges a directory and a link") {
        const support::exchanged_directory www;
        weir::executor ex;
        int mine = 0;
        int refused = 0;
        for (int i = 0; i != 20'000 && (i < 500 || mine == 0 || refused == 0); ++i) {
            try {
                auto f = ex.run(weir::open(weir::beneath(www.path(), "a/below/../../a/below/file")));
                REQUIRE(content(ex, std::move(f)) == "mine");
                ++mine;
            } catch (const std::system_error& e) {
                const int error = e.code().value();
                REQUIRE((error == EXDEV || error == EAGAIN));
                ++refused;
            }
        }
        CHECK(mine != 0);
        CHECK(refused != 0);
        CHECK(www.exchanged() != 0);
    }

    TEST_CASE("close reports what close(2) says, and closes in any case") {
        const support::temporary_directory d;
        const std::string path = d.file("a");
        weir::executor ex;
        const std::size_t open = support::open_descriptors();
        const auto opened = [&] { return ex.run(weir::open(path, weir::open_mode::write)); };
        auto f = opened();
        ex.run(f.write("content"));
        ex.run(f.close());
        CHECK_FALSE(f.is_open());
        ex.run(f.close()); // not open: nothing to report

        f = opened();
        f.close(); // not awaited
        CHECK(support::open_descriptors() == open);

        f = opened();
        ::close(f.native_handle());
        CHECK(support::system_error_of([&] {
                  ex.run(f.close());
                  return 0;
              }) == "close " + path + ": Bad file descriptor");

        auto borrowed = opened();
        auto borrower = weir::file::borrow(borrowed.native_handle(), "borrowed");
        ex.run(borrower.close());
        CHECK(::fcntl(borrowed.native_handle(), F_GETFD) >= 0);
    }

    TEST_CASE("a close that is dropped closes the file") {
        const support::temporary_directory d;
        const std::string path = d.file("a");
        const std::size_t before = support::open_descriptors();
        {
            weir::executor ex;
            for (int turns = 0; turns != 2; ++turns) {
                auto f = ex.run(weir::open(path, weir::open_mode::write));
                auto closing = ex.spawn(f.close());
                for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            }
            auto f = ex.run(weir::open(path, weir::open_mode::write));
            {
                weir::io_operation started;
                const int fd = ::fcntl(f.native_handle(), F_DUPFD_CLOEXEC, 0);
                started.start(ex, {.what = weir::io_request::kind::close, .fd = fd});
            }
        }
        CHECK(support::open_descriptors() == before);
    }
}
