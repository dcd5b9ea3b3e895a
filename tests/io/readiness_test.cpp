// SPDX-License-Identifier: MIT
#include <weir/io/readiness.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "raw_io.hpp"

using namespace std::chrono_literals;
using support::begin;
using support::system_error_of;

namespace {

/// A pair of connected sockets that weir knows nothing of.
class foreign_pair {
public:
    foreign_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()) == 0); }
    foreign_pair(const foreign_pair&) = delete;
    foreign_pair& operator=(const foreign_pair&) = delete;
    ~foreign_pair() {
        for (const int end : ends_) close(end);
    }

    int operator[](std::size_t i) const { return ends_.at(i); }
    void close_end(std::size_t i) { close(std::exchange(ends_.at(i), -1)); }
    void put(std::size_t i) { REQUIRE(::write(ends_.at(i), "x", 1) == 1); }
    /// Writes until there is no room.
    void fill(std::size_t i) {
        const std::vector<char> some(1U << 16U);
        while (::write(ends_.at(i), some.data(), some.size()) > 0) {}
    }
    void empty(std::size_t i) {
        std::vector<char> some(1U << 16U);
        while (::read(ends_.at(i), some.data(), some.size()) > 0) {}
    }

private:
    static void close(int end) {
        if (end >= 0) ::close(end);
    }

    std::array<int, 2> ends_{};
};

/// Whether an operation is over within the time that an error would take to show.
template <class A>
bool over(weir::executor& ex, A operation, weir::duration limit = 5s) {
    try {
        ex.run(weir::with_timeout(limit, std::move(operation)));
    } catch (const weir::timed_out&) {
        return false;
    }
    return true;
}

} // namespace

TEST_SUITE("io/readiness") {
    TEST_CASE("readable waits for bytes, and leaves them where they are") {
        weir::executor ex;
        foreign_pair pair;
        auto waits = begin(ex, weir::readable(pair[0]));
        CHECK_FALSE(waits.finished());
        pair.put(1);
        CHECK(over(ex, std::move(waits)));
        CHECK(over(ex, weir::readable(pair[0]))); // still
        pair.empty(0);
        CHECK_FALSE(over(ex, weir::readable(pair[0]), 1ms));
    }

    TEST_CASE("writable waits for room") {
        weir::executor ex;
        foreign_pair pair;
        CHECK(over(ex, weir::writable(pair[0])));
        pair.fill(0);
        auto waits = begin(ex, weir::writable(pair[0]));
        CHECK_FALSE(waits.finished());
        pair.empty(1);
        CHECK(over(ex, std::move(waits)));
    }

    TEST_CASE("readable and writable: several operations wait for one descriptor") {
        weir::executor ex;
        foreign_pair pair;
        pair.fill(0);
        auto all = begin(ex, weir::when_all(weir::readable(pair[0]), weir::readable(pair[0]), weir::writable(pair[0])));
        pair.empty(1);
        pair.put(1);
        CHECK(over(ex, std::move(all)));
    }

    TEST_CASE("readable and writable end when the peer is gone, and for a file") {
        weir::executor ex;
        foreign_pair pair;
        pair.fill(0);
        auto all = begin(ex, weir::when_all(weir::readable(pair[0]), weir::writable(pair[0])));
        pair.close_end(1);
        CHECK(over(ex, std::move(all)));
        const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        CHECK(over(ex, weir::readable(file)));
        ::close(file);
    }

    TEST_CASE("readable and writable see a descriptor that other code has closed, and another with its number") {
        weir::executor ex;
        for (int i = 0; i != 3; ++i) {
            foreign_pair pair; // has the same numbers each time
            pair.fill(0);
            auto all = begin(ex, weir::when_all(weir::readable(pair[0]), weir::writable(pair[0])));
            pair.put(1);
            pair.empty(1);
            CHECK(over(ex, std::move(all)));
        }
        CHECK(system_error_of([&] { return ex.run(weir::readable(-1)), 0; }) ==
              "readable: descriptor -1: Bad file descriptor");
        int closed = -1;
        {
            const foreign_pair pair;
            closed = pair[0];
        }
        CHECK(system_error_of([&] { return ex.run(weir::writable(closed)), 0; }) ==
              "writable: descriptor " + std::to_string(closed) + ": Bad file descriptor");
    }

    TEST_CASE("readable and writable that are dropped leave the descriptor alone") {
        weir::executor ex;
        foreign_pair pair;
        pair.fill(0);
        {
            const auto reads = begin(ex, weir::readable(pair[0]));
            const auto writes = begin(ex, weir::writable(pair[0]));
            CHECK(ex.stats().io_in_flight == 2);
        }
        CHECK(ex.stats().io_in_flight == 0);
        auto again = begin(ex, weir::readable(pair[0]));
        pair.put(1);
        CHECK(over(ex, std::move(again)));
    }

    TEST_CASE("readable and writable work in a simulation") {
        const weir::testing::simulation_options small{.network = {.buffer = 1000}};
        weir::testing::for_each_seed(20, small, [](weir::testing::simulation& sim) {
            auto [client, server] = support::connect_pair(sim);
            auto reads = begin(sim, weir::readable(server.native_handle()));
            CHECK_FALSE(reads.finished());
            sim.run([&client]() -> weir::task<> {
                co_await weir::writable(client.native_handle());
                co_await client.write(std::string(1000, 'x'));
            });
            CHECK(over(sim, std::move(reads)));
            auto writes = begin(sim, weir::writable(client.native_handle()));
            sim.advance(1s);
            CHECK_FALSE(writes.finished()); // the buffer is full
            std::array<char, 1000> some{};
            for (std::size_t n = 0; n != some.size();) {
                const std::span<char> rest = std::span(some).subspan(n);
                n += sim.run(server.read(rest));
            }
            CHECK(over(sim, std::move(writes)));
        });
    }
}
