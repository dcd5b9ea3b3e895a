// SPDX-License-Identifier: MIT
#include <weir/io/limited_stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

/// Reads one byte and writes one block in a given time.
struct slow_stream {
    weir::duration read_time;
    weir::duration write_time;

    weir::task<std::size_t> read(weir::byte_span) {
        co_await weir::sleep_for(read_time);
        co_return 1;
    }
    weir::task<> write(weir::byte_view) { co_await weir::sleep_for(write_time); }
    weir::task<> shutdown_write() { co_return; }
    std::string name() const { return "slow"; }
};

static_assert(weir::byte_stream<weir::limited_stream<slow_stream>>);
static_assert(weir::byte_stream<weir::limited_stream<weir::tcp_stream>>);

/// What an operation fails with, or "", and when it ends.
template <class A>
std::string outcome(weir::testing::virtual_executor& ex, A operation) {
    try {
        ex.run(std::move(operation));
    } catch (const weir::timed_out& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("io/limited_stream") {
    TEST_CASE("limited_stream: the first byte has a time limit of its own") {
        weir::testing::virtual_executor ex;
        std::array<char, 8> to;
        weir::limited_stream late{slow_stream{2s, 1s}, {.first_byte = 1s, .idle = 5s}};
        CHECK(outcome(ex, late.read(to)) == "weir::limited_stream: slow: no first byte within 1s");
        CHECK(ex.elapsed() == 1s);

        weir::limited_stream in_time{slow_stream{1s, 1s}, {.first_byte = 1s, .idle = 5s}};
        CHECK(ex.run(in_time.read(to)) == 1); // ready in the turn in which the time runs out
        in_time.inner().read_time = 4s;
        CHECK(ex.run(in_time.read(to)) == 1);
        in_time.inner().read_time = 6s;
        CHECK(outcome(ex, in_time.read(to)) == "weir::limited_stream: slow: no data within 5s");
        CHECK(ex.elapsed() == 1s + 1s + 4s + 5s);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("limited_stream: bytes in one direction keep the other direction alive") {
        weir::testing::virtual_executor ex;
        std::array<char, 8> to;
        const std::string long_text(10 * 64 * 1024, 'x'); // ten blocks in ten seconds
        weir::limited_stream s{slow_stream{11s, 1s}, {.idle = 2s}};
        ex.run(weir::when_all_settled(s.read(to), s.write(long_text)));
        CHECK(ex.elapsed() == 11s);
        CHECK(outcome(ex, s.read(to)) == "weir::limited_stream: slow: no data within 2s");
        CHECK(ex.elapsed() == 13s);
        s.inner().write_time = 3s;
        CHECK(outcome(ex, s.write(long_text)) == "weir::limited_stream: slow: no data within 2s");
        ex.run(s.shutdown_write());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("limited_stream: time in which nothing waits does not count") {
        weir::testing::virtual_executor ex;
        std::array<char, 8> to;
        weir::limited_stream s{slow_stream{1s, 1s}, {.first_byte = 10s, .idle = 2s}};
        CHECK(ex.run(s.read(to)) == 1);
        ex.advance(1h);
        CHECK(ex.run(s.read(to)) == 1);
        weir::limited_stream endless{slow_stream{1h, 1h}, {}};
        CHECK(ex.run(endless.read(to)) == 1);
    }

    TEST_CASE("limited_stream: a silent client of a real connection is noticed, and loses nothing") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        weir::limited_stream server{std::move(pair.server), {.idle = 20ms}};
        std::array<char, 8> to;
        CHECK_THROWS_AS(ex.run(server.read(to)), weir::timed_out);
        ex.run(pair.client.write("later"));
        CHECK(ex.run(server.read(to)) == 5);
        CHECK(ex.io().in_flight() == 0);
    }
}
