// SPDX-License-Identifier: MIT
#include <weir/executor/detail/timer_wheel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include <weir/core/detail/member_waker.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::duration;
using weir::time_point;

namespace {

/// A timer that notes when it fired.
struct noted {
    noted(weir::executor& e, std::size_t n, std::vector<std::pair<std::size_t, time_point>>& l)
        : ex{e}, number{n}, log{l} {
        waker.bind(*this, weir::detail::executor_access::queue(ex));
    }
    void arm(time_point deadline) {
        timer.arm(ex, deadline);
        weir::context cx{waker};
        static_cast<void>(timer.poll(cx));
    }
    void run() noexcept { log.emplace_back(number, ex.now()); }

    weir::executor& ex;
    std::size_t number;
    std::vector<std::pair<std::size_t, time_point>>& log;
    weir::detail::member_waker<noted, &noted::run> waker{};
    weir::deadline_timer timer{};
};

} // namespace

TEST_SUITE("executor/timer_wheel") {
    TEST_CASE("timer wheel: timers fire at their deadlines, and equal ones in the order of arming") {
        weir::testing::virtual_executor ex;
        std::vector<std::pair<std::size_t, time_point>> log;
        std::deque<noted> timers;
        // Every level of the wheel, neighbours a nanosecond apart, and equal ones.
        const std::vector<duration> deadlines{1ns, 2ns,    2ns,    1ms,          1ms + 1ns, 1ms - 1ns, 67ms, 68ms,
                                              5s,  5s,     5min,   5min + 1ns,   20h,       21h,       999h, 100000h,
                                              3ms, 1234ms, 86400s, 86400s - 1ns, 0ns,       1h};
        for (std::size_t i = 0; i != deadlines.size(); ++i) {
            timers.emplace_back(ex, i, log).arm(ex.now() + deadlines[i]);
        }
        ex.run_until_idle();

        std::vector<std::pair<duration, std::size_t>> expected;
        for (std::size_t i = 0; i != deadlines.size(); ++i) expected.emplace_back(deadlines[i], i);
        std::ranges::sort(expected);
        REQUIRE(log.size() == expected.size());
        for (std::size_t i = 0; i != expected.size(); ++i) {
            CHECK(log[i].first == expected[i].second);
            CHECK(log[i].second.time_since_epoch() == expected[i].first);
        }
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("timer wheel: a million random operations agree with a sorted list") {
        weir::testing::virtual_executor ex;
        std::mt19937_64 random{1};
        std::vector<std::pair<std::size_t, time_point>> log;
        std::deque<noted> timers;
        for (std::size_t i = 0; i != 5000; ++i) timers.emplace_back(ex, i, log);
        const auto random_span = [&] {
            const auto bits = std::uniform_int_distribution<int>{0, 45}(random);
            return duration{std::uniform_int_distribution<std::int64_t>{0, std::int64_t{1} << bits}(random)};
        };
        std::size_t fired = 0;
        for (int step = 0; step != 1'000'000; ++step) {
            noted& n = timers[std::uniform_int_distribution<std::size_t>{0, timers.size() - 1}(random)];
            switch (std::uniform_int_distribution<int>{0, 9}(random)) {
            case 0:
                n.timer.cancel();
                break;
            default:
                n.arm(ex.now() + random_span());
            }
            if (step % 1000 == 999) {
                std::vector<std::pair<time_point, std::size_t>> due;
                const time_point until = ex.now() + random_span();
                for (const noted& t : timers) {
                    if (t.timer.armed() && t.timer.deadline() <= until) due.emplace_back(t.timer.deadline(), t.number);
                }
                std::ranges::sort(due);
                log.clear();
                ex.advance(until - ex.now());
                REQUIRE(log.size() == due.size());
                for (std::size_t i = 0; i != due.size(); ++i) {
                    REQUIRE(log[i].second == due[i].first);
                    REQUIRE_FALSE(timers[due[i].second].timer.armed());
                }
                fired += due.size();
            }
        }
        CHECK(fired > 10'000);
        for (noted& t : timers) t.timer.cancel();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("timer wheel: arming again moves the deadline, and cancelling removes it") {
        weir::testing::virtual_executor ex;
        std::vector<std::pair<std::size_t, time_point>> log;
        noted a{ex, 0, log};
        noted b{ex, 1, log};
        a.arm(ex.now() + 1s);
        a.arm(ex.now() + 3s);
        b.arm(ex.now() + 2s);
        b.timer.cancel();
        CHECK_FALSE(b.timer.armed());
        ex.advance(2s);
        CHECK(log.empty());
        ex.advance(1s);
        CHECK(log.size() == 1);
        CHECK(a.timer.expired());
    }

    TEST_CASE("timer wheel: a deadline in the past is due at once, and the largest one never") {
        weir::testing::virtual_executor ex;
        ex.advance(10s);
        std::vector<std::pair<std::size_t, time_point>> log;
        noted past{ex, 0, log};
        noted never{ex, 1, log};
        never.arm(time_point::max());
        past.arm(ex.now() - 5s);
        ex.run_ready();
        CHECK(log.size() == 1);
        ex.advance(24h * 365 * 200);
        CHECK(log.size() == 1);
        CHECK(never.timer.armed());
    }

    TEST_CASE("timer wheel: arming and cancelling allocates nothing once the heap has grown") {
        weir::testing::virtual_executor ex;
        weir::deadline_timer t;
        for (int i = 0; i != 100; ++i) {
            t.arm(ex, ex.now() + i * 1ms);
            t.cancel();
        }
        CHECK(ex.stats().timers_armed == 0);
    }
}
