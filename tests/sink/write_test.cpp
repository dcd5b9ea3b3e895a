// SPDX-License-Identifier: MIT
#include <weir/sink/write.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/timed_out.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/never.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include "raw_io.hpp"
#include "temporary_directory.hpp"
#include "temporary_file.hpp"

namespace {

using namespace std::chrono_literals;

/// Given items, and then the end or a failure.
template <class T>
class items {
public:
    using value_type = T;

    explicit items(std::vector<T> values, bool fails = false) : values_{std::move(values)}, fails_{fails} {}

    weir::poll<T> poll_next(weir::context&) {
        if (next_ != values_.size()) return weir::poll<T>{std::move(values_[next_++])};
        if (fails_) throw std::runtime_error{"no more"};
        return weir::done;
    }
    std::size_t taken() const noexcept { return next_; }

private:
    std::vector<T> values_;
    bool fails_;
    std::size_t next_ = 0;
};

} // namespace

TEST_SUITE("sink/write") {
    TEST_CASE("write writes items whole and in order and returns the number of bytes") {
        const support::temporary_file t;
        weir::executor ex;
        CHECK(ex.run(items<std::string>{{"one ", "", "two ", "three"}} | weir::write(t.path())) == 13);
        CHECK(t.content() == "one two three");
        CHECK(ex.run(items<std::string>{{}} | weir::write(t.path())) == 0);
        CHECK(t.content().empty());
    }

    TEST_CASE("write accepts any kind of text or bytes as items") {
        const support::temporary_file t;
        weir::executor ex;
        const auto append = [&] { return weir::write(t.path(), weir::open_mode::append); };
        const std::array<std::byte, 2> raw{std::byte{'c'}, std::byte{'d'}};
        ex.run(items<std::string_view>{{"a", "b"}} | append());
        ex.run(items<std::span<const std::byte>>{{raw}} | append());
        ex.run(items<weir::bytes>{{weir::bytes{"e"}}} | append());
        ex.run(items<std::vector<unsigned char>>{{{'f', 'g'}}} | append());
        ex.run(items<const char*>{{"h"}} | append());
        CHECK(t.content() == "abcdefgh");
    }

    TEST_CASE("write: a file is copied, whatever the sizes") {
        std::mt19937 random{11};
        std::string text(3'000'017, '\0');
        for (char& c : text) c = static_cast<char>(random());
        const support::temporary_file from{text};
        weir::executor ex;
        for (const std::size_t block : {1'000u, 16u * 1024, 64u * 1024, 1u << 20}) {
            const support::temporary_file to;
            CHECK(ex.run(weir::read(from.path(), {.block = block}) | weir::write(to.path())) == text.size());
            CHECK((to.content() == text));
        }
    }

    TEST_CASE("write: items of all sizes keep their order") {
        std::mt19937 random{12};
        std::vector<std::string> parts;
        std::string all;
        for (int i = 0; i != 300; ++i) {
            parts.emplace_back(random() % (i % 7 == 0 ? 200'000 : 5'000), static_cast<char>('a' + i % 26));
            all += parts.back();
        }
        const support::temporary_file t;
        weir::executor ex;
        CHECK(ex.run(items<std::string>{parts} | weir::write(t.path())) == all.size());
        CHECK((t.content() == all));
    }

    TEST_CASE("write completes on a socket that accepts little at a time") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        auto writing = ex.spawn(weir::iota(0, 300'000) | weir::map([](int i) { return std::to_string(i) + "\n"; }) |
                                weir::write(pair.client));
        std::uint64_t size = 0;
        int next = 0;
        bool in_order = true;
        auto reading = ex.spawn(weir::lines(pair.server) | weir::for_each([&](const weir::bytes& line) {
                                    in_order = in_order && line == std::to_string(next);
                                    ++next;
                                    size += line.size() + 1;
                                }));
        const std::uint64_t written = ex.run(std::move(writing));
        pair.client.close();
        ex.run(std::move(reading));
        CHECK(next == 300'000);
        CHECK(in_order);
        CHECK(written == size);
    }

    TEST_CASE("write: an error of upstream arrives after the items before it were written") {
        const support::temporary_file t;
        weir::executor ex;
        CHECK_THROWS_WITH(ex.run(items<std::string>{{"a", "b"}, true} | weir::write(t.path())), "no more");
        CHECK(t.content() == "ab");
    }

    TEST_CASE("write pulls no item while a write is in flight") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        int taken = 0;
        auto writing = ex.spawn(weir::iota(0) | weir::map([&](int) {
                                    ++taken;
                                    return std::string(1'000, 'x');
                                }) |
                                weir::write(pair.client));
        int before = -1;
        while (taken != before) {
            before = taken;
            for (int i = 0; i != 2'000; ++i) ex.turn(ex.now());
        }
        CHECK(taken < 64'000);
        CHECK(ex.io().in_flight() == 1);
    }

    TEST_CASE("write: a broken connection is an error that names the peer") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        const auto peer = pair.client.remote_endpoint().to_string();
        pair.server.close();
        const auto what = support::system_error_of([&] {
            return ex.run(weir::iota(0) | weir::map([](int) { return std::string(100'000, 'x'); }) |
                          weir::write(pair.client));
        });
        CHECK((what == "write " + peer + ": Broken pipe" || what == "write " + peer + ": Connection reset by peer"));
    }

    TEST_CASE("write may own its target, which it closes") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        ex.run(items<std::string>{{"bye"}} | weir::write(std::move(pair.client)));
        std::array<char, 8> buffer{};
        CHECK(ex.run(pair.server.read(buffer)) == 3);
        CHECK(ex.run(pair.server.read(buffer)) == 0);
    }

    TEST_CASE("write may be dropped while a write is in flight") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        for (int turns = 0; turns != 5; ++turns) {
            auto writing = ex.spawn(weir::iota(0) | weir::map([](int) { return std::string(10'000, 'x'); }) |
                                    weir::write(p.write_end));
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
        }
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("write replaces a file atomically when upstream has ended") {
        const support::temporary_directory directory;
        const std::string path = directory.file("file", "old");
        weir::executor ex;
        const auto content = [&] {
            std::ifstream in{path};
            return std::string{std::istreambuf_iterator<char>{in}, {}};
        };
        const auto files = [&] { return std::distance(std::filesystem::directory_iterator{directory.path()}, {}); };
        CHECK(ex.run(weir::just(std::string{"new"}, std::string{"er"}) |
                     weir::write(path, {.replace = weir::replace::atomically})) == 5);
        CHECK(content() == "newer");
        CHECK(files() == 1);

        // An error and a drop leave the old file, and nothing else.
        CHECK_THROWS_AS(
            ex.run(items<std::string>{{"half"}, true} | weir::write(path, {.replace = weir::replace::atomically})),
            std::runtime_error);
        CHECK(content() == "newer");
        CHECK(files() == 1);
        CHECK_THROWS_AS(
            ex.run(weir::with_timeout(5ms, weir::concat(weir::just(std::string{"half"}), weir::never<std::string>()) |
                                               weir::write(path, {.replace = weir::replace::atomically}))),
            weir::timed_out);
        CHECK(content() == "newer");
        CHECK(files() == 1);

        CHECK(ex.run(weir::just(std::string{"in place"}) | weir::write(path, {.replace = weir::replace::in_place})) ==
              8);
        CHECK(content() == "in place");
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::just(std::string{"x"}) |
                                weir::write(directory / "none/file", {.replace = weir::replace::atomically}));
              }).ends_with(": No such file or directory"));
    }

    TEST_CASE("write that replaces a file atomically keeps its permissions") {
        using std::filesystem::perms;
        const support::temporary_directory directory;
        const auto after_write = [](const std::string& path) {
            weir::run(weir::just(std::string{"new"}) | weir::write(path, {.replace = weir::replace::atomically}));
            return std::filesystem::status(path).permissions();
        };
        for (const perms old : {perms{0600}, perms{0666}, perms{0755}}) {
            const std::string path = directory.file("file", "old");
            std::filesystem::permissions(path, old);
            CHECK(after_write(path) == old);
        }
        // Without an old file they are those of any new one.
        CHECK(after_write(directory / "new") == std::filesystem::status(directory.file("other", "")).permissions());
    }

    TEST_CASE("write that replaces a file atomically may be killed at any moment") {
        const support::temporary_directory directory;
        const std::string path = directory.file("file", std::string(200'000, 'z'));
        for (int kill_after = 1; kill_after != 20; ++kill_after) {
            int progress[2];
            REQUIRE(::pipe(progress) == 0);
            const pid_t child = ::fork();
            REQUIRE(child >= 0);
            if (child == 0) {
                weir::executor ex;
                for (char c = 'a';; c = c == 'y' ? 'a' : static_cast<char>(c + 1)) {
                    ex.run(weir::iota(0, 20) | weir::map([&](int) {
                               if (::write(progress[1], &c, 1) != 1) ::_exit(1);
                               return std::string(10'000, c);
                           }) |
                           weir::write(path, {.replace = weir::replace::atomically}));
                }
            }
            std::string seen(static_cast<std::size_t>(kill_after * 7), ' ');
            for (std::size_t n = 0; n != seen.size(); ++n) REQUIRE(::read(progress[0], seen.data(), 1) == 1);
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            ::close(progress[0]);
            ::close(progress[1]);
            std::ifstream in{path};
            const std::string content{std::istreambuf_iterator<char>{in}, {}};
            CHECK(content == std::string(200'000, content.at(0)));
        }
    }
}
