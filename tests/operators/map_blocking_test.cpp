// SPDX-License-Identifier: MIT
#include <weir/operators/map_blocking.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <numbers.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

#include "allocations.hpp"

using support::first_numbers;
using weir::map_blocking;
using weir::map_blocking_unordered;
using weir::thread_pool;

namespace {

template <class Stream>
auto collect(Stream s) {
    std::vector<typename Stream::value_type> got;
    weir::run(std::move(s) | weir::for_each([&](auto x) { got.push_back(std::move(x)); }));
    return got;
}

} // namespace

TEST_SUITE("threads/map_blocking") {
    TEST_CASE("map_blocking emits results in the order of the items, whichever is ready first") {
        thread_pool pool{3};
        const auto here = std::this_thread::get_id();
        std::binary_semaphore second{0};
        const auto got = collect(weir::iota(0, 200) | map_blocking(3, pool, [&](int i) {
                                     CHECK(std::this_thread::get_id() != here);
                                     if (i == 0) second.acquire(); // the first waits for the second
                                     if (i == 1) second.release();
                                     return i;
                                 }));
        CHECK(got == first_numbers(200));
    }

    TEST_CASE("map_blocking: an unordered one emits results as they complete") {
        thread_pool pool{2};
        std::binary_semaphore last{0};
        const auto got = collect(weir::iota(0, 50) | map_blocking_unordered(2, pool, [&](int i) {
                                     if (i == 0) last.acquire();
                                     if (i == 49) last.release();
                                     return i;
                                 }));
        CHECK(got.size() == 50);
        CHECK((got[48] == 0 || got[49] == 0)); // when the last one has begun
    }

    TEST_CASE("map_blocking runs at most n calls at a time") {
        thread_pool pool{4};
        std::atomic<int> running = 0;
        std::atomic<bool> too_many = false;
        const auto got = collect(weir::iota(0, 500) | map_blocking(2, pool, [&](int i) {
                                     if (++running > 2) too_many = true;
                                     --running;
                                     return i;
                                 }));
        CHECK(got == first_numbers(500));
        CHECK_FALSE(too_many);
    }

    TEST_CASE("map_blocking: an error of the function follows the results before it") {
        thread_pool pool{2};
        weir::executor ex;
        std::vector<int> got;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 100) |
                                    map_blocking(4, pool,
                                                 [](int i) {
                                                     if (i == 7) throw std::runtime_error{"seven"};
                                                     return i;
                                                 }) |
                                    weir::for_each([&](int i) { got.push_back(i); })),
                             "seven", std::runtime_error);
        CHECK(got == first_numbers(7));
    }

    TEST_CASE("map_blocking: items and results may be move-only") {
        thread_pool pool{2};
        const auto got = collect(weir::iota(0, 20) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                                 map_blocking(2, pool, [](std::unique_ptr<int> p) { return p; }));
        REQUIRE(got.size() == 20);
        for (int i = 0; i != 20; ++i) CHECK(*got[static_cast<std::size_t>(i)] == i);
    }

    TEST_CASE("map_blocking: a drop does not wait for a call, and the function lives until the call is over") {
        std::binary_semaphore entered{0};
        std::binary_semaphore open{0};
        auto held = std::make_shared<int>(5);
        const std::weak_ptr<int> seen = held;
        {
            thread_pool pool{1};
            {
                auto calls = weir::iota(0, 10) | map_blocking(2, pool, [&, held = std::move(held)](int i) {
                                 entered.release();
                                 open.acquire();
                                 return i + *held;
                             });
                weir::executor ex;
                const auto begin = [&]() -> weir::task<> {
                    auto sum = ex.spawn(std::move(calls) | weir::drain());
                    co_await weir::yield();
                    entered.acquire();
                };
                ex.run(begin());
            }
            CHECK_FALSE(seen.expired());
            CHECK(pool.queued() == 0);
            open.release();
        }
        CHECK(seen.expired());
    }

    TEST_CASE("map_blocking: a destroyed pool fails the stream") {
        std::optional<thread_pool> pool{std::in_place, 1};
        weir::executor ex;
        auto calls = weir::iota(0, 10) | map_blocking(1, *pool, [](int i) { return i; });
        const auto work = [&]() -> weir::task<> {
            auto first = co_await weir::next(calls);
            CHECK(first.value() == 0);
            pool.reset();
            bool refused = false;
            try {
                while (co_await weir::next(calls)) {}
            } catch (const weir::pool_closed&) {
                refused = true;
            }
            CHECK(refused);
        };
        ex.run(work());
    }

    TEST_CASE("map_blocking rejects n less than 1") {
        thread_pool pool{1};
        CHECK_THROWS_WITH_AS(map_blocking(0, pool, [](int i) { return i; }),
                             "weir::map_blocking(n, pool, f): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(map_blocking_unordered(-1, pool, [](int i) { return i; }),
                             "weir::map_blocking_unordered(n, pool, f): n must be at least 1", std::invalid_argument);
    }

#if WEIR_POOL_FRAMES
    TEST_CASE("map_blocking allocates nothing per item") {
        thread_pool pool{1};
        weir::executor ex;
        CHECK(support::allocations_for_more_items([&](int n) {
                  ex.run(weir::iota(0, n / 10) | map_blocking(4, pool, [](int i) { return i; }) | weir::drain());
              }) == 0);
    }
#endif
}
