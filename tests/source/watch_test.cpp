// SPDX-License-Identifier: MIT
#include <weir/source/watch.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/sink/next.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include "raw_io.hpp"
#include "temporary_directory.hpp"

namespace {

using weir::change;
namespace fs = std::filesystem;
using told = std::vector<std::string>;

void append(const std::string& path, std::string_view text = "x") {
    std::ofstream{path, std::ios::binary | std::ios::app} << text;
}

std::string_view name_of(change what) {
    switch (what) {
    case change::created:
        return "created";
    case change::modified:
        return "modified";
    case change::written:
        return "written";
    case change::attributes:
        return "attributes";
    case change::removed:
        return "removed";
    case change::moved_away:
        return "moved away";
    case change::moved_here:
        return "moved here";
    case change::vanished:
        return "vanished";
    case change::lost:
        return "lost";
    }
    return "?";
}

/// A watch that has begun, and what it tells.
struct watched {
    weir::executor ex;
    std::string root;
    weir::watch_stream changes;

    explicit watched(const std::string& path, weir::watch_options options = {})
        : root{path}, changes{weir::watch(path, options)} {
        static_cast<void>(ready());
    }

    /// The next change, if it comes without anybody's doing.
    std::optional<weir::file_change> ready() {
        auto asked = ex.spawn(weir::next(changes));
        for (int i = 0; i != 10 && !asked.finished(); ++i) ex.turn(ex.now());
        if (asked.finished()) return ex.run(std::move(asked));
        return std::nullopt;
    }

    /// All changes that are reported now, as `modified a/b`.
    told all() {
        told result;
        while (auto c = ready()) {
            std::string line{name_of(c->what)};
            REQUIRE(c->path.starts_with(root));
            if (c->path != root) line += ' ' + c->path.substr(root.size() + 1);
            if (c->is_directory) line += '/';
            result.push_back(std::move(line));
            if (c->what == change::vanished) {
                CHECK_FALSE(ex.run(weir::next(changes)));
                break;
            }
        }
        return result;
    }
    bool waits() const { return ex.stats().io_in_flight == 1; }
};

constexpr auto names_only = change::created | change::removed | change::moved_away | change::moved_here;

} // namespace

TEST_SUITE("source/watch") {
    TEST_CASE("watch reports the changes in a directory with their names, in order") {
        const support::temporary_directory d;
        d.file("old");
        watched w{d.path()};
        CHECK(w.waits());
        append(d / "new");
        CHECK(w.all() == told{"created new", "modified new", "written new"});
        append(d / "old");
        CHECK(w.all() == told{"modified old", "written old"});
        fs::permissions(d / "old", fs::perms::owner_all);
        fs::remove(d / "old");
        fs::create_directory(d / "sub");
        fs::remove(d / "sub");
        CHECK(w.all() == told{"attributes old", "removed old", "created sub/", "removed sub/"});
    }

    TEST_CASE("watch wakes its consumer at a change") {
        const support::temporary_directory d;
        watched w{d.path()};
        auto waiting = support::begin(w.ex, weir::next(w.changes));
        w.ex.turn(w.ex.now());
        CHECK_FALSE(waiting.finished());
        append(d / "a");
        CHECK(w.ex.run(std::move(waiting))->path == d / "a");
    }

    TEST_CASE("watch reports only the requested kinds of change") {
        const support::temporary_directory d;
        watched w{d.path(), {.what = change::written | change::removed}};
        append(d / "a");
        fs::remove(d / "a");
        CHECK(w.all() == told{"written a", "removed a"});
    }

    TEST_CASE("watch gives both names of a move the same number") {
        const support::temporary_directory d;
        const support::temporary_directory elsewhere;
        d.file("a");
        watched w{d.path(), {.what = names_only}};
        fs::rename(d / "a", d / "b");
        fs::rename(d / "b", elsewhere / "b");
        const auto from = w.ready();
        const auto to = w.ready();
        const auto away = w.ready();
        REQUIRE((from && to && away));
        CHECK((from->what == change::moved_away && from->path == d / "a"));
        CHECK((to->what == change::moved_here && to->path == d / "b"));
        CHECK((away->what == change::moved_away && away->path == d / "b"));
        CHECK(from->move_id != 0);
        CHECK(from->move_id == to->move_id);
        CHECK(away->move_id != to->move_id);
    }

    TEST_CASE("watch may watch a single file") {
        const support::temporary_directory d;
        const auto path = d.file("a");
        watched w{path, {.recursive = true}};
        append(path);
        append(d / "b");
        CHECK(w.all() == told{"modified", "written"});
    }

    TEST_CASE("watch reports that the watched file vanished, and ends") {
        const support::temporary_directory d;
        SUBCASE("a file that is removed") {
            watched w{d.file("a"), {.what = change::modified}};
            append(d / "a");
            fs::remove(d / "a");
            CHECK(w.all() == told{"modified", "vanished"});
        }
        SUBCASE("a file that is removed while someone has it open") {
            watched w{d.file("a"), {.what = change::modified}};
            const std::ifstream open{d / "a"};
            fs::remove(d / "a");
            CHECK(w.all() == told{"vanished"});
        }
        SUBCASE("a file that is renamed") {
            watched w{d.file("a"), {.what = change::modified}};
            fs::rename(d / "a", d / "b");
            CHECK(w.all() == told{"vanished"});
        }
        SUBCASE("a file that another one replaces") {
            watched w{d.file("a"), {.what = change::modified}};
            fs::rename(d.file("b"), d / "a");
            CHECK(w.all() == told{"vanished"});
        }
        SUBCASE("a directory that is removed") {
            watched w{d.directory("sub"), {.what = change::removed}};
            append(d / "sub/a");
            fs::remove_all(d / "sub");
            CHECK(w.all() == told{"removed a", "vanished/"});
        }
        SUBCASE("a directory that is moved, with recursion") {
            d.file("sub/below/a");
            watched w{d / "sub", {.recursive = true}};
            fs::rename(d / "sub", d / "other");
            CHECK(w.all() == told{"vanished/"});
        }
    }

    TEST_CASE("watch does not end when another link to the file is removed") {
        const support::temporary_directory d;
        watched w{d.file("a"), {.what = change::modified}};
        fs::create_hard_link(d / "a", d / "b");
        fs::remove(d / "b");
        CHECK(w.all() == told{});
        append(d / "a");
        CHECK(w.all() == told{"modified"});
    }

    TEST_CASE("watch with recursion watches the directories below") {
        const support::temporary_directory d;
        d.directory("a/b/c");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        append(d / "top");
        append(d / "a/b/c/deep");
        CHECK(w.all() == told{"created top", "created a/b/c/deep"});
    }

    TEST_CASE("watch follows a new directory, and reports the files that are already in it") {
        const support::temporary_directory d;
        watched w{d.path(), {.what = names_only, .recursive = true}};
        d.file("a/b/early");
        CHECK(w.all() == told{"created a/", "created a/b/", "created a/b/early"});
        append(d / "a/b/late");
        append(d / "a/early");
        CHECK(w.all() == told{"created a/b/late", "created a/early"});
        fs::rename(d / "a/early", d / "a/b/early");
        CHECK(w.all() == told{"moved away a/early", "moved here a/b/early"});
    }

    TEST_CASE("watch reports an entry once that is created while a new directory is read") {
        const support::temporary_directory d;
        watched w{d.path(), {.what = names_only, .recursive = true}};
        d.file("a/before");
        REQUIRE(w.ready()->path == d / "a");
        // It is watched, but not looked into yet.
        d.file("a/x");
        d.directory("a/sub");
        fs::remove(d.file("a/short"));
        d.file("a/again");
        fs::remove(d / "a/again");
        d.file("a/again");
        fs::rename(d.file("other"), d / "a/before");
        auto changes = w.all();
        std::sort(changes.begin(), changes.begin() + 4); // these were found, in no order
        CHECK(changes == told{"created a/again", "created a/before", "created a/sub/", "created a/x", "created a/short",
                              "removed a/short", "removed a/again", "created a/again", "created other",
                              "moved away other", "moved here a/before"});
        d.file("a/sub/y");
        fs::remove(d / "a/x");
        d.file("a/x");
        CHECK(w.all() == told{"created a/sub/y", "removed a/x", "created a/x"});
    }

    TEST_CASE("watch follows a directory that is renamed within the tree") {
        const support::temporary_directory d;
        d.file("a/b/x");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        fs::rename(d / "a", d / "c");
        CHECK(w.all() == told{"moved away a/", "moved here c/", "created c/b/", "created c/b/x"});
        append(d / "c/b/y");
        CHECK(w.all() == told{"created c/b/y"});
        d.directory("a/b");
        append(d / "a/b/z");
        CHECK(w.all() == told{"created a/", "created a/b/", "created a/b/z"});
    }

    TEST_CASE("watch follows a directory that is moved into a new one") {
        const support::temporary_directory d;
        d.file("a/b/x");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        d.directory("new");
        fs::rename(d / "a", d / "new/a");
        auto changes = w.all();
        CHECK(std::count(changes.begin(), changes.end(), "created new/a/") == 1);
        CHECK(std::count(changes.begin(), changes.end(), "moved away a/") == 1);
        append(d / "new/a/b/y");
        CHECK(w.all() == told{"created new/a/b/y"});
    }

    TEST_CASE("watch does not report changes in a directory that was moved away") {
        const support::temporary_directory d;
        const support::temporary_directory elsewhere;
        d.file("a/b/x");
        d.directory("ab");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        fs::rename(d / "a", elsewhere / "a");
        append(elsewhere / "a/b/y");
        CHECK(w.all() == told{"moved away a/"});
        append(elsewhere / "a/b/z");
        append(d / "ab/z");
        CHECK(w.all() == told{"created ab/z"});
    }

    TEST_CASE("watch watches a directory again that is removed and created again") {
        const support::temporary_directory d;
        d.directory("a");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        fs::remove(d / "a");
        d.directory("a");
        CHECK(w.all() == told{"removed a/", "created a/"});
        append(d / "a/x");
        CHECK(w.all() == told{"created a/x"});
    }

    TEST_CASE("watch follows no symbolic link except its own path") {
        const support::temporary_directory d;
        const support::temporary_directory elsewhere;
        d.link(elsewhere.path(), "link");
        watched w{d.path(), {.what = names_only, .recursive = true}};
        watched through{d / "link", {.what = names_only}};
        append(elsewhere / "x");
        CHECK(w.all() == told{});
        CHECK(through.all() == told{"created x"});
    }

    TEST_CASE("watch reports that the kernel's queue of changes has overflowed") {
        const support::temporary_directory d;
        d.directory("sub");
        std::size_t most = 0;
        std::ifstream{"/proc/sys/fs/inotify/max_queued_events"} >> most;
        if (most == 0 || most > 1'000'000) return;
        bool recursive = false;
        SUBCASE("one directory") {}
        SUBCASE("all below it") { recursive = true; }
        watched w{d.path(), {.what = change::modified, .recursive = recursive}};
        // Two files in turn: equal changes in a row are one.
        const int a = ::open((d / "a").c_str(), O_CREAT | O_WRONLY, 0600);
        const int b = ::open((d / "b").c_str(), O_CREAT | O_WRONLY, 0600);
        for (std::size_t i = 0; i != most + 2; ++i) REQUIRE(::write(i % 2 == 0 ? a : b, "x", 1) == 1);
        d.directory("later");
        ::close(a);
        ::close(b);
        std::size_t modified = 0;
        std::optional<weir::file_change> c;
        for (c = w.ready(); c && c->what == change::modified; c = w.ready()) ++modified;
        REQUIRE(c);
        CHECK(c->what == change::lost);
        CHECK(c->path == d.path());
        CHECK(modified > most / 2);
        CHECK(w.all() == told{});
        append(d / "sub/x");
        append(d / "later/x");
        append(d / "x");
        CHECK(w.all() == (recursive ? told{"modified sub/x", "modified later/x", "modified x"} : told{"modified x"}));
    }

    TEST_CASE("watch fails with its path if that does not exist") {
        weir::executor ex;
        auto missing = weir::watch("/no/such");
        CHECK_THROWS_WITH_AS(ex.run(weir::next(missing)), "watch /no/such: No such file or directory",
                             std::system_error);
    }

    TEST_CASE("watch leaves nothing open when it is dropped at any moment") {
        const support::temporary_directory d;
        d.file("a/b/c/x");
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        for (int turns = 0; turns != 6; ++turns) {
            auto changes = weir::watch(d.path(), {.recursive = true});
            {
                auto waiting = ex.spawn(weir::next(changes));
                for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            }
            if (turns == 0) CHECK(support::open_descriptors() == before);
        }
        CHECK(support::open_descriptors() == before);
        CHECK(ex.stats().io_in_flight == 0);
    }

    TEST_CASE("watch: an abandoned next loses no change") {
        const support::temporary_directory d;
        watched w{d.path(), {.what = change::created}};
        {
            const auto given_up = support::begin(w.ex, weir::next(w.changes));
            append(d / "a");
        }
        append(d / "b");
        CHECK(w.all() == told{"created a", "created b"});
    }
}
