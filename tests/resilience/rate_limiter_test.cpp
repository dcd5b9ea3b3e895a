// SPDX-License-Identifier: MIT
#include <weir/resilience/rate_limiter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <manual_clock.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::rate;
using weir::rate_limiter;
using weir::testing::virtual_executor;
using durations = std::vector<weir::duration>;

namespace {

/// Someone who acquires and notes who and when.
struct log_entry {
    int who;
    weir::duration when;
    friend bool operator==(const log_entry&, const log_entry&) = default;
};

weir::task<> acquire(rate_limiter& limiter, int cost, int who, std::vector<log_entry>& log) {
    co_await limiter.acquire(cost);
    const weir::executor& ex = *co_await weir::this_executor();
    log.push_back({who, ex.now().time_since_epoch()});
}

/// Polls with a waker that is soon gone.
struct poll_once {
    using result_type = weir::unit;

    weir::poll<weir::unit> poll_result(weir::context& cx) {
        CHECK(operation.poll_result(cx).is_pending());
        return weir::unit{};
    }

    rate_limiter::acquire_operation& operation;
};

} // namespace

TEST_SUITE("resilience/rate_limiter") {
    TEST_CASE("rate_limiter admits a full bucket at once and the others one by one") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 3};
        durations when;
        const auto body = [&]() -> weir::task<> {
            for (int i = 0; i != 6; ++i) {
                co_await limiter.acquire();
                when.push_back(ex.elapsed());
            }
        };
        ex.run(body());
        CHECK(when == durations{0ms, 0ms, 0ms, 100ms, 200ms, 300ms});
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("rate_limiter: a pause fills the bucket up to its size") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 3};
        durations when;
        const auto body = [&]() -> weir::task<> {
            co_await limiter.acquire(3);
            for (const auto pause : {150ms, 10000ms}) {
                co_await weir::sleep_for(pause);
                for (int i = 0; i != 4; ++i) {
                    co_await limiter.acquire();
                    when.push_back(ex.elapsed());
                }
            }
        };
        ex.run(body());
        // One token and a half; then a full bucket.
        CHECK(when == durations{150ms, 200ms, 300ms, 400ms, 10400ms, 10400ms, 10400ms, 10500ms});
    }

    TEST_CASE("rate_limiter: an acquisition takes as many tokens as its cost, also none") {
        virtual_executor ex;
        rate_limiter limiter{rate{1000}, 100};
        durations when;
        const auto body = [&]() -> weir::task<> {
            for (const int cost : {60, 30, 30, 100, 0, 1}) {
                co_await limiter.acquire(cost);
                when.push_back(ex.elapsed());
            }
        };
        ex.run(body());
        CHECK(when == durations{0ms, 0ms, 20ms, 120ms, 120ms, 121ms});
    }

    TEST_CASE("rate_limiter: a cost above the bucket size waits as if the bucket were larger") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 2};
        std::vector<log_entry> log;
        auto first = ex.spawn(acquire(limiter, 5, 1, log));
        auto second = ex.spawn(acquire(limiter, 1, 2, log));
        auto third = ex.spawn(acquire(limiter, 4, 3, log));
        ex.run_until_idle();
        CHECK(log == std::vector<log_entry>{{1, 300ms}, {2, 400ms}, {3, 800ms}});
    }

    TEST_CASE("rate_limiter: a period of fractional nanoseconds does not drift") {
        virtual_executor ex;
        rate_limiter limiter{rate{3}};
        const auto body = [&]() -> weir::task<> {
            co_await limiter.acquire();
            for (std::int64_t i = 1; i != 3000; ++i) {
                co_await limiter.acquire();
                REQUIRE(ex.elapsed().count() == (i * 1'000'000'000 + 2) / 3);
            }
        };
        ex.run(body());
        CHECK(ex.elapsed() == 999666666667ns);
    }

    TEST_CASE("rate_limiter is exact for random rates and bursts") {
        for (const auto amount : {1, 7, 64, 1000, 999'983}) {
            for (const auto burst : {1, 2, 63, 64, 65, 10'000}) {
                CAPTURE(amount);
                CAPTURE(burst);
                virtual_executor ex;
                rate_limiter limiter{rate{amount, 7s}, burst};
                const auto body = [&]() -> weir::task<> {
                    co_await limiter.acquire(burst);
                    for (std::int64_t i = 1; i != 300; ++i) {
                        co_await limiter.acquire();
                        REQUIRE(ex.elapsed().count() == (i * 7'000'000'000 + amount - 1) / amount);
                    }
                };
                ex.run(body());
            }
        }
    }

    TEST_CASE("rate_limiter: a late waiter does not delay later ones, and a stall makes no burst") {
        support::manual_executor ex;
        rate_limiter limiter{rate{10}};
        durations when;
        const auto body = [&]() -> weir::task<> {
            for (;;) {
                co_await limiter.acquire();
                when.push_back(ex.now().time_since_epoch());
            }
        };
        auto handle = ex.spawn(body());
        ex.run_ready();
        ex.run_after(130ms); // 30 late
        ex.run_after(69ms);
        ex.run_after(1ms);
        ex.run_after(730ms); // at 930: six were missed
        ex.run_after(69ms);
        ex.run_after(1ms);
        CHECK(when == durations{0ms, 130ms, 200ms, 930ms, 1000ms});
    }

    TEST_CASE("rate_limiter makes up for a stall as far as the bucket holds tokens") {
        support::manual_executor ex;
        rate_limiter limiter{rate{10}, 3};
        durations when;
        const auto body = [&]() -> weir::task<> {
            co_await limiter.acquire(3);
            for (;;) {
                co_await limiter.acquire();
                when.push_back(ex.now().time_since_epoch());
            }
        };
        auto handle = ex.spawn(body());
        ex.run_ready();
        ex.run_after(100ms);
        ex.run_after(750ms);
        ex.run_after(50ms);
        ex.run_after(99ms);
        ex.run_after(1ms);
        CHECK(when == durations{100ms, 850ms, 850ms, 850ms, 900ms, 1000ms});
    }

    TEST_CASE("rate_limiter serves waiters in order of arrival, also when the first needs many tokens") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 4};
        std::vector<log_entry> log;
        auto a = ex.spawn(acquire(limiter, 3, 1, log));
        auto b = ex.spawn(acquire(limiter, 4, 2, log));
        auto c = ex.spawn(acquire(limiter, 1, 3, log));
        ex.advance(50ms);
        CHECK(limiter.queued() == 2);
        CHECK_FALSE(ex.run(limiter.try_acquire()));
        auto d = ex.spawn(acquire(limiter, 1, 4, log));
        ex.run_until_idle();
        CHECK(log == std::vector<log_entry>{{1, 0ms}, {2, 300ms}, {3, 400ms}, {4, 500ms}});
        CHECK(limiter.queued() == 0);
    }

    TEST_CASE("rate_limiter: try_acquire takes available tokens and never waits") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 2};
        const auto body = [&]() -> weir::task<> {
            CHECK_FALSE(co_await limiter.try_acquire(3));
            CHECK(co_await limiter.try_acquire(2));
            CHECK_FALSE(co_await limiter.try_acquire());
            CHECK(co_await limiter.try_acquire(0));
            co_await weir::sleep_for(99ms);
            CHECK_FALSE(co_await limiter.try_acquire());
            co_await weir::sleep_for(1ms);
            CHECK(co_await limiter.try_acquire());
            CHECK_FALSE(co_await limiter.try_acquire());
        };
        ex.run(body());
        CHECK(ex.elapsed() == 100ms);
    }

    TEST_CASE("rate_limiter: a dropped waiter takes nothing, and later waiters move up") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 5};
        std::vector<log_entry> log;
        auto a = ex.spawn(acquire(limiter, 5, 1, log));
        std::optional b{ex.spawn(acquire(limiter, 5, 2, log))};
        auto c = ex.spawn(acquire(limiter, 1, 3, log));
        std::optional d{ex.spawn(acquire(limiter, 1, 4, log))};
        auto e = ex.spawn(acquire(limiter, 1, 5, log));
        ex.advance(250ms);
        d.reset();
        CHECK(log.size() == 1);
        b.reset();
        ex.run_ready();
        CHECK(log == std::vector<log_entry>{{1, 0ms}, {3, 250ms}, {5, 250ms}});
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("rate_limiter: a waiter dropped with unused tokens gives them back") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}};
        CHECK(ex.run(limiter.try_acquire()));
        std::optional granted{limiter.acquire()};
        ex.run(poll_once{*granted});
        std::vector<log_entry> log;
        auto behind = ex.spawn(acquire(limiter, 1, 2, log));
        ex.advance(120ms);
        CHECK(limiter.queued() == 1);
        CHECK(log.empty());
        granted.reset();
        ex.run_until_idle();
        CHECK(log == std::vector<log_entry>{{2, 120ms}});
        CHECK_FALSE(ex.run(limiter.try_acquire()));
    }

    TEST_CASE("rate_limiter: a waiter that is no longer polled does not delay the others") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}};
        CHECK(ex.run(limiter.try_acquire()));
        auto abandoned = limiter.acquire();
        ex.run(poll_once{abandoned});
        std::vector<log_entry> log;
        auto behind = ex.spawn(acquire(limiter, 1, 2, log));
        ex.run_until_idle();
        CHECK(log == std::vector<log_entry>{{2, 200ms}});
    }

    TEST_CASE("rate_limiter leaves nothing behind when it is dropped at any suspension point") {
        for (const auto at : {0ms, 50ms, 100ms, 150ms, 200ms, 250ms}) {
            CAPTURE(at.count());
            virtual_executor ex;
            rate_limiter limiter{rate{10}};
            std::vector<log_entry> log;
            auto a = ex.spawn(acquire(limiter, 1, 1, log));
            std::optional b{ex.spawn(acquire(limiter, 1, 2, log))};
            auto c = ex.spawn(acquire(limiter, 1, 3, log));
            ex.advance(at);
            b.reset();
            ex.run_until_idle();
            REQUIRE(log.back().who == 3);
            CHECK(log.back().when == (at < 100ms ? 100ms : 200ms));
            CHECK(limiter.queued() == 0);
        }
    }

    TEST_CASE("rate_limiter refuses a waiter when the queue is full or after max_wait") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 1, {.max_queued = 2, .max_wait = 150ms}};
        std::vector<log_entry> log;
        auto a = ex.spawn(acquire(limiter, 1, 1, log));
        auto b = ex.spawn(acquire(limiter, 1, 2, log));
        auto c = ex.spawn(acquire(limiter, 1, 3, log));
        ex.run_ready();
        CHECK_THROWS_WITH_AS(ex.run(limiter.acquire()), "weir::rate_limiter: 2 are waiting already", weir::overloaded);
        CHECK_THROWS_WITH_AS(ex.run(std::move(c)), "weir::rate_limiter: not admitted within 150ms", weir::overloaded);
        CHECK(ex.elapsed() == 150ms);
        CHECK(log == std::vector<log_entry>{{1, 0ms}, {2, 100ms}});
        CHECK(limiter.queued() == 0);
    }

    TEST_CASE("rate_limiter: a token that arrives in the turn in which max_wait ends is in time") {
        virtual_executor ex;
        rate_limiter limiter{rate{10}, 1, {.max_wait = 100ms}};
        std::vector<log_entry> log;
        ex.run(acquire(limiter, 1, 1, log));
        ex.run(acquire(limiter, 1, 2, log));
        CHECK(log == std::vector<log_entry>{{1, 0ms}, {2, 100ms}});
    }

    TEST_CASE("rate_limiter may serve one executor after another") {
        rate_limiter limiter{rate{10}};
        for (int i = 0; i != 2; ++i) {
            virtual_executor ex;
            std::vector<log_entry> log;
            ex.run(acquire(limiter, 1, 1, log));
            auto waiting = ex.spawn(acquire(limiter, 1, 1, log));
            ex.run_ready();
            CHECK(limiter.queued() == 1);
        }
    }

    TEST_CASE("rate_limiter rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS((rate_limiter{rate{0}}), "weir::rate: amount must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS((rate_limiter{rate{1, 0s}}), "weir::rate: period is not positive", std::invalid_argument);
        CHECK_THROWS_WITH_AS((rate_limiter{rate{9'999'999'967, 1h}}), "weir::rate: too fine: give a shorter period",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS((rate_limiter{rate{1}, 0}), "weir::rate_limiter: burst must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS((rate_limiter{rate{1}, 1, {.max_wait = -1s}}), "weir::rate_limiter: max_wait is negative",
                             std::invalid_argument);
        rate_limiter limiter{rate{1'000'000'000}, 1u};
        CHECK_THROWS_WITH_AS(static_cast<void>(limiter.acquire(-1)),
                             "weir::rate_limiter::acquire(cost): cost is negative", std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(limiter.try_acquire(-1)), std::invalid_argument);
    }

    TEST_CASE("rate_limiter allocates nothing per acquisition") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  rate_limiter limiter{rate{1000}, 2};
                  ex.run(weir::iota(0, n) | weir::for_each([&](int) { return limiter.acquire(); }));
              }) == 0);
    }
}
