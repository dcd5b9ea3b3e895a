// SPDX-License-Identifier: MIT
#include <weir/interop/embedding.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>

#include <poll.h>

#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/spawn_on.hpp>

#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

/// A loop of its own over poll(2). Fails when nothing happens for ten seconds.
template <class Done>
void poll_until(weir::embedding& guest, Done done) {
    pollfd ready{guest.descriptor(), POLLIN, 0};
    for (guest.run(); !done(); guest.run()) {
        const int limit = guest.timeout();
        const int r = ::poll(&ready, 1, limit < 0 ? 10'000 : limit);
        if (r == 0 && limit < 0) throw std::runtime_error{"nothing has woken the loop"};
    }
}

} // namespace

TEST_SUITE("interop/embedding") {
    TEST_CASE("embedding: tasks, timers and sockets run in a loop over poll") {
        weir::executor ex;
        weir::embedding guest{ex};
        auto connected = ex.spawn([]() -> weir::task<std::string> {
            const weir::endpoint here{"127.0.0.1", 0};
            auto listener = co_await weir::listen(here);
            auto client = co_await weir::tcp_connect(listener.local_endpoint());
            auto server = co_await listener.accept();
            co_await weir::sleep_for(2ms);
            co_await client.write("hello");
            std::array<char, 8> block{};
            const std::size_t n = co_await server.read(block);
            co_return std::string(block.data(), n);
        });
        int ticks = 0;
        const auto ticking =
            ex.spawn(weir::interval(1ms) | weir::take(5) | weir::for_each([&](std::uint64_t) { ++ticks; }));
        poll_until(guest, [&] { return connected.finished() && ticking.finished(); });
        CHECK(ticks == 5);
        CHECK(ex.run(std::move(connected)) == "hello");
        CHECK(guest.run() == weir::time_point::max());
        CHECK(guest.timeout() == -1);
    }

    TEST_CASE("embedding: other threads wake the loop") {
        weir::executor ex;
        weir::embedding guest{ex};
        std::atomic<int> done = 0;
        std::jthread other{[&] {
            for (int i = 0; i != 100; ++i) {
                weir::spawn_on(ex, [i]() -> weir::task<int> { co_return i; }).get();
                ex.post([&] { ++done; });
            }
            ex.post([&] { ++done; });
        }};
        poll_until(guest, [&] { return done == 101; });
    }

    TEST_CASE("embedding: the loop waits where nothing is ready, and gets its turn where all is") {
        weir::executor ex;
        weir::embedding guest{ex};
        guest.run();
        pollfd ready{guest.descriptor(), POLLIN, 0};
        CHECK(::poll(&ready, 1, 0) == 0);
        {
            const auto sleeping = ex.spawn(weir::sleep_for(1h));
            guest.run();
            // Timers that are far away may ask for a turn before, to be sorted by their time.
            CHECK(guest.timeout() > 0);
            CHECK(guest.timeout() <= 3'600'000);
            CHECK(::poll(&ready, 1, 0) == 0);
        }
        const auto endless = ex.spawn(weir::iota(0) | weir::drain());
        guest.run();
        CHECK(guest.timeout() == 0);
    }

    TEST_CASE("embedding needs a kernel") {
        weir::testing::virtual_executor ex;
        CHECK_THROWS_AS(weir::embedding{ex}, std::logic_error);
    }
}
