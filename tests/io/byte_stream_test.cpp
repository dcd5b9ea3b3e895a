// SPDX-License-Identifier: MIT
#include <weir/io/byte_stream.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/detail/frame_pool.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/unix.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include "allocations.hpp"
#include "raw_io.hpp"

namespace {

/// A layer as encryption is one: what goes through it is in records, each with its length before it and its bytes
/// scrambled; a record without bytes is the end, and an end without it is an error.
template <weir::byte_stream Inner>
class scrambled {
public:
    explicit scrambled(Inner inner) : inner_{std::move(inner)} {}

    weir::task<std::size_t> read(weir::byte_span to) {
        while (plain_.empty() && !ended_) {
            unsigned char size = 0;
            co_await read_exactly(std::span(reinterpret_cast<char*>(&size), 1));
            if (size == 0) {
                ended_ = true;
                break;
            }
            record_.resize(size);
            co_await read_exactly(record_);
            for (char& c : record_) c = static_cast<char>(c ^ in_key_++);
            plain_ = record_;
        }
        const std::size_t n = std::min(plain_.size(), to.size());
        std::copy_n(plain_.begin(), n, static_cast<char*>(to.data()));
        plain_ = plain_.subspan(n);
        co_return n;
    }

    weir::task<> write(weir::byte_view what) {
        std::span left{static_cast<const char*>(what.data()), what.size()};
        std::string record;
        while (!left.empty()) {
            const auto part = left.first(std::min<std::size_t>(left.size(), 255));
            left = left.subspan(part.size());
            record.assign(1, static_cast<char>(part.size()));
            for (const char c : part) record += static_cast<char>(c ^ out_key_++);
            co_await inner_.write(record);
        }
    }

    weir::task<> shutdown_write() {
        co_await inner_.write(std::string_view("\0", 1));
        co_await inner_.shutdown_write();
    }

    std::string name() const { return inner_.name(); }
    Inner& inner() { return inner_; }

private:
    weir::task<> read_exactly(std::span<char> to) {
        while (!to.empty()) {
            const std::size_t n = co_await inner_.read(to);
            if (n == 0) throw std::runtime_error{"read " + name() + ": the end came without a record of it"};
            to = to.subspan(n);
        }
    }

    Inner inner_;
    std::vector<char> record_;
    std::span<const char> plain_;
    bool ended_ = false;
    char in_key_ = 1;
    char out_key_ = 1;
};

/// Two pipes, as a program has them for its input and its output.
class two_pipes {
public:
    two_pipes(weir::file in, weir::file out) : in_{std::move(in)}, out_{std::move(out)} {}

    auto read(weir::byte_span to) { return in_.read(to); }
    auto write(weir::byte_view what) { return out_.write(what); }
    auto shutdown_write() { return out_.shutdown_write(); }
    const std::string& name() const { return in_.name(); }

private:
    weir::file in_;
    weir::file out_;
};

struct only_reads {
    weir::task<std::size_t> read(weir::byte_span) { co_return 0; }
    std::string name() const { return "only reads"; }
};

static_assert(weir::byte_stream<weir::tcp_stream>);
static_assert(weir::byte_stream<weir::unix_stream>);
static_assert(weir::byte_stream<weir::file>);
static_assert(weir::byte_stream<two_pipes>);
static_assert(weir::byte_stream<scrambled<weir::tcp_stream>>);
static_assert(weir::byte_stream<scrambled<scrambled<two_pipes>>>);
static_assert(weir::byte_reader<only_reads> && !weir::byte_writer<only_reads> && !weir::byte_stream<only_reads>);
static_assert(!weir::byte_reader<std::string> && !weir::byte_stream<weir::tcp_listener>);

template <class S>
struct both {
    S one;
    S other;
};

both<weir::tcp_stream> tcp_pair(weir::executor& ex) {
    auto pair = support::connect_pair(ex);
    return {std::move(pair.client), std::move(pair.server)};
}

both<weir::unix_stream> unix_pair(weir::executor& ex) {
    auto pair = ex.run(weir::unix_pair());
    return {std::move(pair.first), std::move(pair.second)};
}

both<two_pipes> pipe_pair(weir::executor& ex) {
    auto there = ex.run(weir::open_pipe());
    auto back = ex.run(weir::open_pipe());
    return {{std::move(back.read_end), std::move(there.write_end)},
            {std::move(there.read_end), std::move(back.write_end)}};
}

/// Lines go there, and come back numbered.
template <weir::byte_stream S>
void check_lines(weir::executor& ex, S& client, S& server) {
    constexpr int count = 5'000;
    const auto serve = [&]() -> weir::task<> {
        int n = 0;
        co_await (weir::lines(server) | weir::map([&](const weir::bytes& line) {
                      return std::to_string(n++) + ' ' + line.to_string() + '\n';
                  }) |
                  weir::write(server));
        co_await server.shutdown_write();
    };
    const auto send = [&]() -> weir::task<> {
        co_await (weir::iota(0, count) | weir::map([](int i) {
                      return std::string(static_cast<std::size_t>(i % 300), 'x') +
                             (i == 77 ? std::string(40'000, 'y') : "") + std::to_string(i) + '\n';
                  }) |
                  weir::write(client));
        co_await client.shutdown_write();
    };
    auto serving = ex.spawn(serve());
    auto sending = ex.spawn(send());
    int got = 0;
    bool right = true;
    ex.run(weir::read(client, {.block = 1000}) | weir::lines() | weir::for_each([&](const weir::bytes& line) {
               const std::string text = line.to_string();
               right = right && text.starts_with(std::to_string(got) + ' ') && text.ends_with(std::to_string(got));
               ++got;
           }));
    ex.run(std::move(sending));
    ex.run(std::move(serving));
    CHECK(right);
    CHECK(got == count);
}

} // namespace

TEST_SUITE("io/byte_stream") {
    TEST_CASE("byte_stream: bare and wrapped connections and pipes are read and written alike") {
        weir::executor ex;
        const auto check_all = [&](auto make) {
            auto bare = make(ex);
            check_lines(ex, bare.one, bare.other);
            auto inner = make(ex);
            scrambled one{std::move(inner.one)};
            scrambled other{std::move(inner.other)};
            check_lines(ex, one, other);
            auto innermost = make(ex);
            scrambled<scrambled<decltype(innermost.one)>> outer{scrambled{std::move(innermost.one)}};
            scrambled<scrambled<decltype(innermost.one)>> outer_other{scrambled{std::move(innermost.other)}};
            check_lines(ex, outer, outer_other);
        };
        SUBCASE("TCP") { check_all(tcp_pair); }
        SUBCASE("Unix") { check_all(unix_pair); }
        SUBCASE("pipes") { check_all(pipe_pair); }
    }

    TEST_CASE("byte_stream: the wire carries the bytes that the layer produced") {
        weir::executor ex;
        auto pair = unix_pair(ex);
        scrambled one{std::move(pair.one)};
        ex.run(one.write("aaa"));
        ex.run(one.shutdown_write());
        std::string wire;
        ex.run(weir::read(pair.other) | weir::for_each([&](const weir::bytes& b) { wire += b.view(); }));
        CHECK(wire == std::string{"\3"
                                  "`cb"
                                  "\0",
                                  5});
    }

    TEST_CASE("byte_stream owns or borrows a layer") {
        weir::executor ex;
        auto pair = unix_pair(ex);
        scrambled other{std::move(pair.other)};
        {
            auto reading = weir::lines(scrambled{std::move(pair.one)});
            ex.run(other.write("a\nb\n"));
            CHECK(ex.run(weir::next(reading)) == weir::bytes{"a"});
            CHECK(ex.run(weir::next(reading)) == weir::bytes{"b"});
        }
        // With the stream its layer has gone, and with that the connection.
        CHECK(support::system_error_of([&] {
                  ex.run(other.write("x"));
                  return 0;
              }) == "write unix pair: Broken pipe");
    }

    TEST_CASE("byte_stream: an error of the layer follows the data before it") {
        weir::executor ex;
        auto pair = unix_pair(ex);
        scrambled one{std::move(pair.one)};
        scrambled other{std::move(pair.other)};
        ex.run(one.write("complete\nand not"));
        ex.run(one.inner().shutdown_write());
        auto reading = weir::lines(other);
        CHECK(ex.run(weir::next(reading)) == weir::bytes{"complete"});
        CHECK_THROWS_WITH_AS(ex.run(weir::next(reading)), "read unix pair: the end came without a record of it",
                             std::runtime_error);
    }

    TEST_CASE("byte_stream: an abandoned next loses nothing") {
        weir::executor ex;
        auto pair = unix_pair(ex);
        scrambled one{std::move(pair.one)};
        scrambled other{std::move(pair.other)};
        auto reading = weir::lines(other);
        for (int i = 0; i != 20; ++i) {
            {
                const auto given_up = support::begin(ex, weir::next(reading));
                CHECK_FALSE(given_up.finished());
                // A record in two parts, and a poll between them.
                if (i % 2 == 0) ex.run(one.write("li"));
                ex.turn(ex.now());
            }
            ex.run(one.write(i % 2 == 0 ? "ne\n" : "line\n"));
            CHECK(ex.run(weir::next(reading)) == weir::bytes{"line"});
        }
    }

    TEST_CASE("byte_stream: reading and writing may be dropped at any time") {
        std::mt19937 random{7};
        const std::string block(30'000, 'z');
        for (int round = 0; round != 100; ++round) {
            weir::executor ex;
            auto pair = unix_pair(ex);
            scrambled one{std::move(pair.one)};
            scrambled other{std::move(pair.other)};
            std::size_t got = 0;
            const std::vector<std::string> items(10, block);
            std::optional writing{ex.spawn(weir::from_range(items) | weir::write(one))};
            std::optional reading{
                ex.spawn(weir::read(other) | weir::for_each([&](const weir::bytes& b) { got += b.size(); }))};
            const auto turns = std::uniform_int_distribution{0, 60}(random);
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            if (round % 2 == 0) writing.reset();
            if (round % 2 != 0) reading.reset();
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            writing.reset();
            reading.reset();
            CHECK(ex.io().in_flight() == 0);
            CHECK(got <= items.size() * block.size());
        }
    }

    TEST_CASE("byte_stream: a layer without coroutines adds no allocation") {
        struct counted {
            auto read(weir::byte_span to) { return inner.read(to); }
            std::string name() const { return inner.name(); }
            weir::unix_stream& inner;
        };
        weir::executor ex;
        auto pair = unix_pair(ex);
        counted layer{pair.one};
        auto reading = weir::read(layer, {.block = 4096});
        CHECK(support::allocations_for_more_items([&](int n) {
                  const auto exchange = [&]() -> weir::task<> {
                      for (int i = 0; i != n; ++i) {
                          co_await pair.other.write("0123456789");
                          const auto item = co_await weir::next(reading);
                          if (!item || item->size() != 10) std::abort();
                      }
                  };
                  ex.run(exchange());
              }) == 0);
    }

    TEST_CASE("byte_stream: shutting down a file closes it") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        ex.run(p.write_end.write("last"));
        ex.run(p.write_end.shutdown_write());
        CHECK_FALSE(p.write_end.is_open());
        std::array<char, 8> buffer{};
        CHECK(ex.run(p.read_end.read(buffer)) == 4);
        CHECK(ex.run(p.read_end.read(buffer)) == 0);
    }
}
