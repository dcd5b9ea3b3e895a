// SPDX-License-Identifier: MIT
#include <weir/resilience/adaptive_limit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <manual.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::adaptive_limit;
using weir::aimd;
using weir::gradient;
using weir::limit_sample;
using weir::verdict;
using weir::testing::virtual_executor;
using sizes = std::vector<std::size_t>;

namespace {

/// One after the other, each as soon as the one before it has ended.
limit_sample sample(std::size_t limit, std::size_t in_flight, weir::duration took, verdict how) {
    static weir::time_point now{};
    const auto began = now;
    now += took;
    return {limit, in_flight, began, now, how};
}

/// What becomes of the limit with each sample, all of it in use.
template <class Algorithm>
sizes follow(Algorithm algorithm, const std::vector<std::pair<weir::duration, verdict>>& samples) {
    sizes limits;
    std::size_t limit = algorithm.initial();
    for (const auto& [took, how] : samples) limits.push_back(limit = algorithm.update(sample(limit, limit, took, how)));
    return limits;
}

/// A server that handles four requests at a time, each in 10 ms. Further requests wait.
struct server {
    weir::concurrency_limit capacity{4};

    weir::task<> serve() {
        const auto permit = co_await capacity.acquire();
        co_await weir::sleep_for(10ms);
    }
};

} // namespace

TEST_SUITE("resilience/adaptive_limit") {
    TEST_CASE("adaptive_limit: aimd adds one per success and multiplies at an overload, between its bounds") {
        const auto ok = std::pair{weir::duration{1ms}, verdict::success};
        const auto too_much = std::pair{weir::duration{1ms}, verdict::overload};
        CHECK(follow(aimd{{.initial = 10, .min = 7, .max = 12}},
                     {ok, ok, ok, too_much, too_much, too_much, too_much, ok}) == sizes{11, 12, 12, 10, 9, 8, 7, 8});
        CHECK(follow(aimd{{.initial = 100, .backoff = 0.5}}, {too_much, too_much}) == sizes{50, 25});
        CHECK(follow(aimd{{.initial = 3, .backoff = 0.99}}, {too_much, too_much, too_much}) == sizes{2, 1, 1});
    }

    TEST_CASE("adaptive_limit: aimd treats an operation that takes too long as an overload") {
        CHECK(follow(aimd{{.initial = 10, .too_long = 1s}}, {{1s, verdict::success}, {1s + 1ns, verdict::success}}) ==
              sizes{11, 9});
    }

    TEST_CASE("adaptive_limit: aimd decreases once for all operations that were in flight together") {
        aimd a{{.initial = 16, .backoff = 0.5}};
        const auto at = [](weir::duration d) { return weir::time_point{d}; };
        CHECK(a.update({16, 16, at(0ms), at(10ms), verdict::overload}) == 8);
        CHECK(a.update({8, 16, at(0ms), at(10ms), verdict::overload}) == 8);
        CHECK(a.update({8, 16, at(9ms), at(12ms), verdict::overload}) == 8);
        CHECK(a.update({8, 16, at(9ms), at(12ms), verdict::success}) == 8);
        CHECK(a.update({8, 8, at(10ms), at(12ms), verdict::success}) == 9);
        CHECK(a.update({9, 9, at(10ms), at(12ms), verdict::overload}) == 4);
    }

    TEST_CASE("adaptive_limit: aimd does not grow while less than half of the limit is used") {
        aimd a{{.initial = 10}};
        CHECK(a.update(sample(10, 4, 1ms, verdict::success)) == 10);
        CHECK(a.update(sample(10, 5, 1ms, verdict::success)) == 11);
        CHECK(a.update(sample(10, 1, 1ms, verdict::overload)) == 9);
        CHECK(a.update(sample(1, 1, 1ms, verdict::success)) == 2);
        CHECK(a.update(sample(2, 9, 1ms, verdict::success)) == 3); // the limit has shrunk since
    }

    TEST_CASE("adaptive_limit: gradient grows by its queue times its smoothing while latency is constant") {
        gradient g{{.initial = 10, .max = 14, .queue = 4, .smoothing = 0.5}};
        CHECK(follow(g, {{10ms, verdict::success}, {10ms, verdict::success}, {10ms, verdict::success}}) ==
              sizes{12, 14, 14});
    }

    TEST_CASE("adaptive_limit: gradient shrinks when latency grows, by half at most") {
        // The first is the average; the second makes it 15, and takes 4/3 of that.
        CHECK(follow(gradient{{.initial = 100, .queue = 4, .smoothing = 1}},
                     {{10ms, verdict::success}, {20ms, verdict::success}}) == sizes{104, 82});
        CHECK(follow(gradient{{.initial = 100, .max = 1000, .queue = 4, .smoothing = 1}},
                     {{10ms, verdict::success}, {10s, verdict::success}}) == sizes{104, 56});
        CHECK(follow(gradient{{.initial = 100, .queue = 4, .smoothing = 1, .tolerance = 1.5}},
                     {{10ms, verdict::success}, {20ms, verdict::success}}) == sizes{104, 108});
    }

    TEST_CASE("adaptive_limit: gradient halves at an overload, whatever its latency") {
        CHECK(follow(gradient{{.initial = 100, .min = 20, .smoothing = 1}},
                     {{1ns, verdict::overload}, {1ns, verdict::overload}, {1ns, verdict::overload}}) ==
              sizes{50, 25, 20});
        CHECK(follow(gradient{{.initial = 100, .smoothing = 0.2}}, {{1h, verdict::overload}}) == sizes{90});
    }

    TEST_CASE("adaptive_limit: gradient does not grow while less than half of the limit is used") {
        gradient g{{.initial = 10, .smoothing = 1}};
        CHECK(g.update(sample(10, 4, 10ms, verdict::success)) == 10);
        CHECK(g.update(sample(10, 5, 10ms, verdict::success)) == 14);
    }

    TEST_CASE("adaptive_limit: gradient adapts to a changed latency") {
        gradient g{{.initial = 50, .queue = 0, .smoothing = 0.01, .window = 10}};
        std::size_t limit = 50;
        for (int i = 0; i != 50; ++i) limit = g.update(sample(limit, limit, 10ms, verdict::success));
        CHECK(limit == 50);
        for (int i = 0; i != 30; ++i) limit = g.update(sample(limit, limit, 20ms, verdict::success));
        const std::size_t settled = limit;
        CHECK(settled < 50);
        for (int i = 0; i != 50; ++i) limit = g.update(sample(limit, limit, 20ms, verdict::success));
        CHECK(limit >= settled - 1);
        // And back, soon.
        gradient slow{{.initial = 50, .queue = 0, .smoothing = 1, .window = 10'000}};
        for (int i = 0; i != 50; ++i) slow.update(sample(50, 50, 1s, verdict::success));
        for (int i = 0; i != 60; ++i) slow.update(sample(50, 50, 10ms, verdict::success));
        CHECK(slow.update(sample(50, 50, 40ms, verdict::success)) < 50);
    }

    TEST_CASE("adaptive_limit learns from the results and the latencies of its operations") {
        virtual_executor ex;
        adaptive_limit limit{aimd{{.initial = 2, .too_long = 50ms}}};
        CHECK(limit.limit() == 2);
        ex.run(limit.run(weir::sleep_for(50ms)));
        CHECK(limit.limit() == 3);
        ex.run(limit.run(weir::sleep_for(51ms)));
        CHECK(limit.limit() == 2);
        const auto by_hand = [&]() -> weir::task<> {
            auto permit = co_await limit.acquire();
            permit.release(verdict::overload);
        };
        ex.run(by_hand());
        CHECK(limit.limit() == 1);
    }

    TEST_CASE("adaptive_limit does not count the wait for a permit as latency") {
        virtual_executor ex;
        adaptive_limit limit{aimd{{.initial = 1, .max = 1, .too_long = 50ms}}};
        auto a = ex.spawn(limit.run(weir::sleep_for(40ms)));
        auto b = ex.spawn(limit.run(weir::sleep_for(40ms)));
        ex.run_until_idle();
        CHECK(limit.limit() == 1);
        adaptive_limit wide{aimd{{.initial = 2, .max = 3, .too_long = 50ms}}};
        auto hold_one = ex.run(wide.acquire());
        auto hold_two = std::optional{ex.run(wide.acquire())};
        auto c = ex.spawn(wide.run(weir::sleep_for(40ms)));
        ex.advance(30ms);
        hold_two.reset();
        ex.run_until_idle();
        CHECK(wide.limit() == 3);
    }

    TEST_CASE("adaptive_limit counts timed_out and overloaded as overload, and ignores dropped calls") {
        virtual_executor ex;
        adaptive_limit limit{aimd{{.initial = 10}}};
        const auto failing = [](auto error) -> weir::task<> {
            throw error;
            co_return;
        };
        CHECK_THROWS(ex.run(limit.run(failing(weir::timed_out{"late", 1s}))));
        CHECK(limit.limit() == 9);
        CHECK_THROWS(ex.run(limit.run(failing(weir::overloaded{"too much"}))));
        CHECK(limit.limit() == 8);
        CHECK_THROWS(ex.run(limit.run(failing(std::runtime_error{"not found"}))));
        CHECK(limit.limit() == 8);
        {
            auto dropped = ex.spawn(limit.run(weir::sleep_for(1h)));
            ex.advance(10s);
        }
        CHECK(limit.limit() == 8);
        CHECK(limit.in_flight() == 0);
    }

    TEST_CASE("adaptive_limit: a predicate may select the errors that count as overload") {
        virtual_executor ex;
        const auto is_503 = [](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (int status) {
                return status == 503;
            }
        };
        adaptive_limit limit{aimd{{.initial = 10}}, {}, is_503};
        const auto failing = [](int status) -> weir::task<> {
            throw status;
            co_return;
        };
        CHECK_THROWS_AS(ex.run(limit.run(failing(404))), int);
        CHECK(limit.limit() == 10);
        CHECK_THROWS_AS(ex.run(limit.run(failing(503))), int);
        CHECK(limit.limit() == 9);
    }

    TEST_CASE("adaptive_limit accepts a user's algorithm") {
        struct doubling {
            std::size_t initial() const { return 1; }
            std::size_t update(const limit_sample& sample) noexcept { return 2 * sample.limit; }
        };
        virtual_executor ex;
        adaptive_limit limit{doubling{}};
        for (int i = 0; i != 3; ++i) ex.run(limit.run(weir::yield()));
        CHECK(limit.limit() == 8);
    }

    TEST_CASE("adaptive_limit sheds load when it has no queue") {
        virtual_executor ex;
        adaptive_limit limit{aimd{{.initial = 1}}, {.max_queued = 0}};
        auto first = ex.spawn(limit.run(weir::sleep_for(1ms)));
        ex.run_ready();
        CHECK_THROWS_WITH_AS(ex.run(limit.run(weir::sleep_for(1ms))), "weir::adaptive_limit: 0 are waiting already",
                             weir::overloaded);
        CHECK_FALSE(ex.run(limit.try_acquire()));
    }

    TEST_CASE("adaptive_limit: aimd finds a server's capacity by calls that take too long") {
        virtual_executor ex;
        server far;
        adaptive_limit limit{aimd{{.initial = 1, .max = 100, .backoff = 0.75, .too_long = 20ms}}};
        std::size_t most = 0;
        ex.run(weir::iota(0, 2000) | weir::map_async_unordered(limit, [&](int) { return far.serve(); }) |
               weir::for_each([&](auto) { most = std::max(most, limit.limit()); }));
        // Four at work and four that wait take 20 ms.
        CHECK(most >= 8);
        CHECK(most <= 16);
        CHECK(limit.limit() >= 4);
        // The server was never idle for long.
        CHECK(ex.elapsed() < 2000 / 4 * 10ms * 1.02);
    }

    TEST_CASE("adaptive_limit: gradient finds a server's capacity by calls that take longer than before") {
        virtual_executor ex;
        server far;
        adaptive_limit limit{gradient{{.initial = 1, .max = 200, .queue = 1}}};
        std::size_t most = 0;
        ex.run(weir::iota(0, 2000) | weir::map_async(limit, [&](int) { return far.serve(); }) |
               weir::for_each([&](auto) { most = std::max(most, limit.limit()); }));
        CHECK(most < 40);
        CHECK(limit.limit() >= 4);
        CHECK(ex.elapsed() < 2000 / 4 * 10ms * 1.05);
    }

    TEST_CASE("adaptive_limit rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS((aimd{{.initial = 1, .min = 2}}), "weir::aimd: needs 1 <= min <= initial <= max",
                             std::invalid_argument);
        CHECK_THROWS_AS((aimd{{.initial = 300}}), std::invalid_argument);
        CHECK_THROWS_AS((aimd{{.min = 0}}), std::invalid_argument);
        CHECK_THROWS_WITH_AS((aimd{{.backoff = 1}}), "weir::aimd: needs 0 < backoff < 1", std::invalid_argument);
        CHECK_THROWS_AS((aimd{{.too_long = 0s}}), std::invalid_argument);
        CHECK_THROWS_WITH_AS((gradient{{.smoothing = 0}}), "weir::gradient: needs 0 < smoothing <= 1",
                             std::invalid_argument);
        CHECK_THROWS_AS((gradient{{.initial = 300}}), std::invalid_argument);
        CHECK_THROWS_AS((gradient{{.window = 0}}), std::invalid_argument);
        CHECK_THROWS_AS((gradient{{.tolerance = 0.5}}), std::invalid_argument);
    }

    TEST_CASE("adaptive_limit allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  adaptive_limit limit{gradient{{.initial = 3, .max = 3}}};
                  ex.run(weir::iota(0, n) | weir::map_async(limit, [](int x) { return support::one_turn{x}; }) |
                         weir::drain());
              }) == 0);
    }
}
