// SPDX-License-Identifier: MIT
#include <weir/source/walk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

using weir::file_type;
using weir::walk_entry;
using names = std::vector<std::string>;

std::vector<walk_entry> entries(const std::string& path, weir::walk_options options = {}) {
    options.order = weir::walk_order::by_name;
    return weir::run(weir::walk(path, std::move(options)) | weir::to<std::vector>());
}

/// Paths below the one that was given.
names found(const support::temporary_directory& in, weir::walk_options options = {}) {
    names result;
    for (const auto& e : entries(in.path(), std::move(options))) {
        REQUIRE(e.path.starts_with(in.path() + '/'));
        result.push_back(e.path.substr(in.path().size() + 1));
    }
    return result;
}

struct small_tree : support::temporary_directory {
    small_tree() {
        file("b/2/deep.txt", "12345");
        file("b/1/x", "1");
        file("a.txt", "123");
        directory("c");
        link("b", "link");
    }
};

} // namespace

TEST_SUITE("source/walk") {
    TEST_CASE("walk emits a directory before its entries, and its entries together") {
        const small_tree d;
        CHECK(found(d) == names{"a.txt", "b", "c", "link", "b/1", "b/2", "b/1/x", "b/2/deep.txt"});
    }

    TEST_CASE("walk: an entry has its type, depth and name, and its size on request") {
        const small_tree d;
        const auto all = entries(d.path(), {.sizes = true});
        REQUIRE(all.size() == 8);
        CHECK(all[0].type == file_type::regular);
        CHECK(all[0].size == 3);
        CHECK(all[0].depth == 0);
        CHECK(all[1].type == file_type::directory);
        CHECK(all[1].size == 0);
        CHECK(all[3].type == file_type::symlink);
        CHECK(all[7].name() == "deep.txt");
        CHECK(all[7].depth == 2);
        CHECK(all[7].size == 5);
        CHECK(entries(d.path())[7].size == 0);
    }

    TEST_CASE("walk reports the types of pipes and sockets") {
        const support::temporary_directory d;
        REQUIRE(::mkfifo((d / "pipe").c_str(), 0600) == 0);
        const auto all = entries(d.path());
        REQUIRE(all.size() == 1);
        CHECK(all[0].type == file_type::pipe);
    }

    TEST_CASE("walk emits all of many entries in the file system's order") {
        const support::temporary_directory d;
        names wanted;
        for (int i = 0; i != 3000; ++i) wanted.push_back(d.file("some-name-that-is-not-short-" + std::to_string(i)));
        auto got =
            weir::run(weir::walk(d.path()) | weir::map([](walk_entry e) { return e.path; }) | weir::to<std::vector>());
        std::sort(got.begin(), got.end());
        std::sort(wanted.begin(), wanted.end());
        CHECK(got == wanted);
        CHECK(found(d).size() == 3000);
    }

    TEST_CASE("walk reads nothing before it is polled, and keeps two directories open at a time") {
        const small_tree d;
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        auto walk = weir::walk(d.path());
        CHECK(support::open_descriptors() == before);
        while (ex.run(weir::next(walk))) CHECK(support::open_descriptors() <= before + 2);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("walk closes its directory when it is dropped") {
        const small_tree d;
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        for (int taken = 0; taken != 8; ++taken) {
            std::optional walk{weir::walk(d.path())};
            for (int i = 0; i <= taken; ++i) CHECK(ex.run(weir::next(*walk)));
            walk.reset();
            CHECK(support::open_descriptors() == before);
        }
    }

    TEST_CASE("walk descends no deeper than its limit") {
        const small_tree d;
        CHECK(found(d, {.max_depth = 0}) == names{"a.txt", "b", "c", "link"});
        CHECK(found(d, {.max_depth = 1}) == names{"a.txt", "b", "c", "link", "b/1", "b/2"});
    }

    TEST_CASE("walk enters only the directories that its predicate accepts") {
        const small_tree d;
        CHECK(found(d, {.descend = [](const walk_entry& e) { return e.name() != "2"; }}) ==
              names{"a.txt", "b", "c", "link", "b/1", "b/2", "b/1/x"});
    }

    TEST_CASE("walk follows symbolic links on request") {
        const small_tree d;
        d.link("nowhere", "dangling");
        d.link("a.txt", "to_file");
        CHECK(found(d, {.max_depth = 1, .links = weir::symlinks::follow}) ==
              names{"a.txt", "b", "c", "dangling", "link", "to_file", "b/1", "b/2", "link/1", "link/2"});
        const auto all = entries(d.path(), {.max_depth = 0, .links = weir::symlinks::follow, .sizes = true});
        CHECK(all[3].type == file_type::symlink);
        CHECK(all[4].type == file_type::directory);
        CHECK(all[5].type == file_type::regular);
        CHECK(all[5].size == 3);
    }

    TEST_CASE("walk does not follow a symbolic link to a directory above it") {
        const support::temporary_directory d;
        d.file("a/b/x");
        d.link("..", "a/b/up");
        d.link("../..", "a/b/top");
        CHECK(found(d, {.links = weir::symlinks::follow}) == names{"a", "a/b", "a/b/top", "a/b/up", "a/b/x"});
    }

    TEST_CASE("walk accepts a symbolic link and a trailing slash as its path") {
        const small_tree d;
        CHECK(entries(d / "link").size() == 4);
        CHECK(entries(d / "b/")[0].path == d / "b/1");
    }

    TEST_CASE("walk fails with the path of a missing directory or of another file") {
        const small_tree d;
        CHECK(support::system_error_of([&] { return entries(d / "a.txt"); }) ==
              "open " + (d / "a.txt") + ": Not a directory");
        CHECK(support::system_error_of([&] { return entries("/no/such"); }) ==
              "open /no/such: No such file or directory");
    }

    TEST_CASE("walk fails for an unreadable directory, or leaves it out if there is an on_error") {
        if (::geteuid() == 0) {
            // Root may read everything: a path that is too long stands in for it.
            const support::temporary_directory d;
            std::filesystem::current_path(d.path());
            const std::string name(200, 'n');
            for (int i = 0; i != 25; ++i) {
                REQUIRE(::mkdir(name.c_str(), 0700) == 0);
                REQUIRE(::chdir(name.c_str()) == 0);
            }
            std::filesystem::current_path("/");
            CHECK(support::system_error_of([&] { return entries(d.path()); }).ends_with(": File name too long"));
            std::vector<std::error_code> errors;
            const auto all =
                entries(d.path(), {.on_error = [&](const std::string&, std::error_code e) { errors.push_back(e); }});
            CHECK(all.size() > 10);
            CHECK(errors == std::vector<std::error_code>{{ENAMETOOLONG, std::system_category()}});
        } else {
            const small_tree d;
            std::filesystem::permissions(d / "b/1", std::filesystem::perms::none);
            CHECK(support::system_error_of([&] { return entries(d.path()); }) ==
                  "open " + (d / "b/1") + ": Permission denied");
            names left_out;
            const auto all =
                found(d, {.on_error = [&](const std::string& p, std::error_code) { left_out.push_back(p); }});
            CHECK(all == names{"a.txt", "b", "c", "link", "b/1", "b/2", "b/2/deep.txt"});
            CHECK(left_out == names{d / "b/1"});
            std::filesystem::permissions(d / "b/1", std::filesystem::perms::all);
        }
    }

    TEST_CASE("walk leaves out entries that are removed meanwhile") {
        const small_tree d;
        weir::executor ex;
        auto walk = weir::walk(d.path(), {.order = weir::walk_order::by_name, .sizes = true});
        CHECK(ex.run(weir::next(walk))->path == d / "a.txt");
        CHECK(ex.run(weir::next(walk))->path == d / "b");
        std::filesystem::remove_all(d / "b");
        std::filesystem::remove_all(d / "c");
        CHECK(ex.run(weir::next(walk))->path == d / "c");
        CHECK(ex.run(weir::next(walk))->path == d / "link");
        CHECK_FALSE(ex.run(weir::next(walk)));
    }

    TEST_CASE("walk does not leave its tree through a symbolic link that replaces a directory it has found") {
        const support::temporary_directory outside;
        outside.directory("below");
        outside.file("below/secret");
        const support::temporary_directory d;
        d.directory("a");
        d.directory("a/below");
        d.file("a/below/mine");
        weir::executor ex;
        auto walk = weir::walk(d.path());
        names got;
        while (const auto entry = ex.run(weir::next(walk))) {
            got.push_back(entry->path.substr(d.path().size() + 1));
            if (got.back() == "a/below") {
                std::filesystem::rename(d / "a", d / "moved");
                std::filesystem::create_directory_symlink(outside.path(), d / "a");
            }
        }
        CHECK(got == names{"a", "a/below"});
    }

    TEST_CASE("walk fails with an exception of a callable") {
        const small_tree d;
        const std::size_t before = support::open_descriptors();
        CHECK_THROWS_AS(entries(d.path(), {.descend = [](const walk_entry&) -> bool { throw 1; }}), int);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("walk may be dropped by its callables") {
        const small_tree d;
        const auto check = [&](const std::string& path, auto set) {
            weir::executor ex;
            std::optional<weir::testing::probe_sink<weir::async_stream<int>>> sink;
            weir::walk_options options;
            set(options, [&] { sink.reset(); });
            // Polled by a driver, with nothing above that could put the destruction off.
            auto ones = weir::walk(path, std::move(options)) | weir::flat_map(1, [](auto) { return weir::just(1); });
            sink.emplace(ex, weir::async_stream<int>{std::move(ones)});
            sink->request(9);
            for (int i = 0; i != 20; ++i) ex.turn(ex.now());
            CHECK_FALSE(sink);
        };
        check(d.path(), [](weir::walk_options& o, auto drop) {
            o.descend = [drop](const walk_entry&) {
                drop();
                return true;
            };
        });
        check("/no/such", [](weir::walk_options& o, auto drop) {
            o.on_error = [drop](const std::string&, std::error_code) { drop(); };
        });
    }

    TEST_CASE("walk leaves out what is removed while it reads a directory") {
        const support::temporary_directory d;
        for (int i = 0; i != 5000; ++i) d.file("gone/f" + std::to_string(i));
        std::size_t seen = 0;
        weir::run(weir::walk(d.path()) | weir::for_each([&](const walk_entry& e) {
                      if (e.depth == 1 && seen++ == 0) std::filesystem::remove_all(d / "gone");
                  }));
        CHECK(seen > 0);
        CHECK(seen < 5000);
    }

    TEST_CASE("walk lets others run between its batches") {
        const support::temporary_directory d;
        for (int i = 0; i != 300; ++i) d.directory("d" + std::to_string(i));
        weir::executor ex;
        int turns = 0;
        const auto count_turns = [&]() -> weir::task<> {
            for (;;) {
                ++turns;
                co_await weir::yield();
            }
        };
        const auto counting = ex.spawn(count_turns());
        // Nothing but empty directories, of which none is an item of interest.
        CHECK(ex.run(weir::walk(d.path()) | weir::filter([](const walk_entry& e) { return e.depth > 0; }) |
                     weir::count()) == 0);
        CHECK(turns > 20);
    }
}
