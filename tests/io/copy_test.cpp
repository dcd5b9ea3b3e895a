// SPDX-License-Identifier: MIT
#include <weir/io/copy.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/process.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

#include "allocations.hpp"
#include "raw_io.hpp"
#include "temporary_file.hpp"

namespace {

std::string pattern(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i != size; ++i) text[i] = static_cast<char>('a' + (i ^ i >> 7 ^ i >> 13) % 26);
    return text;
}

weir::task<std::string> all_from(weir::tcp_stream& stream) {
    std::string text;
    std::vector<char> part(100'000);
    while (const std::size_t n = co_await stream.read(part)) text.append(part.data(), n);
    co_return text;
}

/// Gives its text in small pieces, and then the end or an error.
struct small_reads {
    std::string text;
    std::size_t at = 0;
    bool fails = false;

    weir::task<std::size_t> read(weir::byte_span to) {
        if (at == text.size() && fails) throw std::runtime_error{"broken"};
        const std::size_t n = std::min({std::size_t{3}, to.size(), text.size() - at});
        std::copy_n(text.data() + at, n, static_cast<char*>(to.data()));
        at += n;
        co_return n;
    }
    std::string name() const { return "small"; }
};

struct kept {
    std::string text;

    weir::task<> write(weir::byte_view what) {
        co_await weir::yield();
        text.append(static_cast<const char*>(what.data()), what.size());
    }
    std::string name() const { return "kept"; }
};

} // namespace

TEST_SUITE("io/copy") {
    TEST_CASE("copy sends a whole file in order to a socket that is read slowly") {
        weir::executor ex;
        const std::string text = pattern(20'000'000);
        const support::temporary_file content{text};
        auto pair = support::connect_pair(ex);
        auto file = ex.run(weir::open(content.path()));
        auto copying = support::begin(ex, weir::copy(file, pair.server));
        for (int i = 0; i != 10; ++i) ex.turn(ex.now());
        CHECK_FALSE(copying.finished());
        auto reading = ex.spawn(all_from(pair.client));
        CHECK(ex.run(std::move(copying)) == text.size());
        ex.run(pair.server.shutdown_write());
        CHECK(ex.run(std::move(reading)) == text);
    }

    TEST_CASE("copy sends a file whole that is not in memory") {
        weir::executor ex;
        const std::string content = pattern(5'000'000);
        const support::temporary_file t{content};
        auto pair = support::connect_pair(ex);
        auto file = ex.run(weir::open(t.path(), weir::open_mode::update));
        ex.run(file.sync());
        REQUIRE(::posix_fadvise(file.native_handle(), 0, 0, POSIX_FADV_DONTNEED) == 0);
        auto received = ex.spawn(all_from(pair.server));
        CHECK(ex.run(weir::copy(file, pair.client)) == content.size());
        ex.run(pair.client.shutdown_write());
        CHECK(ex.run(std::move(received)) == content);
    }

    TEST_CASE("copy starts at the file's position and leaves it at the end") {
        weir::executor ex;
        const support::temporary_file content{"0123456789"};
        auto pair = support::connect_pair(ex);
        auto file = ex.run(weir::open(content.path()));
        std::array<char, 4> begin{};
        ex.run(file.read(begin));
        CHECK(ex.run(weir::copy(file, pair.server)) == 6);
        CHECK(ex.run(weir::copy(file, pair.server)) == 0);
        std::string rest(10, ' ');
        CHECK(ex.run(pair.client.read(rest)) == 6);
        CHECK(rest.substr(0, 6) == "456789");
    }

    TEST_CASE("copy copies between sockets, files and pipes") {
        weir::executor ex;
        const std::string text = pattern(3'000'000);
        const support::temporary_file content{text};
        const support::temporary_file result;
        auto in = support::connect_pair(ex);
        auto out = support::connect_pair(ex);
        const auto file_to_socket = [&]() -> weir::task<std::uint64_t> {
            auto from = co_await weir::open(content.path());
            const auto n = co_await weir::copy(from, in.client);
            co_await in.client.shutdown_write();
            co_return n;
        };
        const auto socket_to_socket = [&]() -> weir::task<std::uint64_t> {
            const weir::copy_options options{.block = 10'000};
            const auto n = co_await weir::copy(in.server, out.client, options);
            co_await out.client.shutdown_write();
            co_return n;
        };
        auto first = ex.spawn(file_to_socket());
        auto second = ex.spawn(socket_to_socket());
        CHECK(ex.run(weir::copy(out.server, ex.run(weir::open(result.path(), weir::open_mode::write)))) == text.size());
        CHECK(ex.run(std::move(first)) == text.size());
        CHECK(ex.run(std::move(second)) == text.size());
        CHECK(result.content() == text);

        auto child = ex.run(weir::spawn_process({"wc", "-c"}, {.in = weir::stdio::pipe, .out = weir::stdio::pipe}));
        ex.run(weir::copy(ex.run(weir::open(content.path())), child.in()));
        child.in().close();
        const support::temporary_file count;
        ex.run(weir::copy(child.out(), ex.run(weir::open(count.path(), weir::open_mode::write))));
        CHECK(count.content() == "3000000\n");
    }

    TEST_CASE("copy copies from any byte_reader to any byte_writer") {
        weir::executor ex;
        small_reads from{"some text that is copied"};
        kept to;
        CHECK(ex.run(weir::copy(from, to)) == from.text.size());
        CHECK(to.text == from.text);
        CHECK(ex.run(weir::copy(small_reads{""}, kept{})) == 0);
    }

    TEST_CASE("copy: an error of the reader arrives after the data before it was written") {
        weir::executor ex;
        small_reads from{"all of it"};
        from.fails = true;
        kept to;
        CHECK_THROWS_WITH_AS(ex.run(weir::copy(from, to)), "broken", std::runtime_error);
        CHECK(to.text == "all of it");
    }

    TEST_CASE("copy: an error of the writer names it and raises no signal") {
        weir::executor ex;
        const support::temporary_file content{pattern(5'000'000)};
        for (const bool at_once : {true, false}) {
            CAPTURE(at_once);
            auto pair = support::connect_pair(ex);
            auto file = ex.run(weir::open(content.path()));
            if (at_once) ex.run(pair.client.shutdown_write());
            auto copying = ex.spawn(weir::copy(file, pair.client));
            if (!at_once) {
                for (int i = 0; i != 5; ++i) ex.turn(ex.now());
                const linger reset{1, 0};
                ::setsockopt(pair.server.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
                pair.server.close();
            }
            CHECK(support::system_error_of([&] { return ex.run(std::move(copying)); }) ==
                  "write " + pair.client.name() + (at_once ? ": Broken pipe" : ": Connection reset by peer"));
        }
        weir::file directory = ex.run(weir::open("/"));
        auto pair = support::connect_pair(ex);
        CHECK(support::system_error_of([&] { return ex.run(weir::copy(directory, pair.client)); }) ==
              "read /: Is a directory");
    }

    TEST_CASE("copy leaves nothing in flight when it is dropped at any moment") {
        weir::executor ex;
        const support::temporary_file content{pattern(8'000'000)};
        for (int turns = 0; turns != 12; ++turns) {
            auto pair = support::connect_pair(ex);
            auto file = ex.run(weir::open(content.path()));
            auto other = support::connect_pair(ex);
            {
                auto copying = ex.spawn(weir::copy(file, pair.server));
                auto through = ex.spawn(weir::copy(pair.client, other.server));
                for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            }
            CHECK(ex.io().in_flight() == 0);
        }
    }

    TEST_CASE("copy allocates nothing per byte") {
        weir::executor ex;
        const auto copy_size = [&](int blocks) {
            const support::temporary_file content{std::string(static_cast<std::size_t>(blocks) * 1000, 'x')};
            auto file = ex.run(weir::open(content.path()));
            auto null = ex.run(weir::open("/dev/null", weir::open_mode::write));
            ex.run(weir::copy(file, null, {.block = 1000}));
        };
        CHECK(support::allocations_for_more_items(copy_size) == 0);
    }
}
