// SPDX-License-Identifier: MIT
#include <weir/scope/deadline.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/zip.hpp>
#include <weir/resilience/adaptive_limit.hpp>
#include <weir/resilience/bulkhead.hpp>
#include <weir/resilience/circuit_breaker.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::deadline;
using weir::remaining;
using weir::with_deadline;
using weir::with_timeout;
using weir::testing::virtual_executor;

namespace {

weir::time_point at(weir::duration d) { return weir::time_point{d}; }
constexpr weir::time_point none = weir::time_point::max();

/// What is seen before and after a wait.
struct seen {
    std::vector<weir::time_point> all{};

    weir::task<> look(weir::duration wait = 1ms) {
        all.push_back(co_await deadline());
        co_await weir::sleep_for(wait);
        all.push_back(co_await deadline());
        co_await weir::yield();
        all.push_back(co_await deadline());
    }
    weir::task<int> look_at(int x) {
        co_await look();
        co_return x;
    }
    weir::async_stream<int> items(int n, weir::duration wait = 1ms) {
        for (int i = 0; i != n; ++i) {
            co_await look(wait);
            co_yield i;
        }
    }
    bool only(weir::time_point t) const {
        return !all.empty() && std::all_of(all.begin(), all.end(), [&](auto x) { return x == t; });
    }
};

} // namespace

TEST_SUITE("scope/deadline") {
    TEST_CASE("deadline is the end of time by default") {
        virtual_executor ex;
        CHECK(ex.run(deadline()) == none);
        CHECK(ex.run(remaining()) == weir::duration::max());
    }

    TEST_CASE("deadline exists inside with_deadline only, and the remaining time shrinks") {
        virtual_executor ex;
        auto inner = [&]() -> weir::task<> {
            CHECK(co_await deadline() == at(110ms));
            CHECK(co_await remaining() == 100ms);
            co_await weir::sleep_for(30ms);
            CHECK(co_await deadline() == at(110ms));
            CHECK(co_await remaining() == 70ms);
        };
        auto body = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            co_await with_timeout(100ms, inner());
            CHECK(co_await deadline() == none);
            co_await weir::sleep_for(10ms);
            CHECK(co_await deadline() == none);
        };
        ex.run(body());
    }

    TEST_CASE("deadline ends with an error, too, and the remaining time is never negative") {
        virtual_executor ex;
        auto overdue = [&]() -> weir::task<> {
            CHECK(co_await remaining() == 0ms);
            co_await weir::sleep_for(1h);
        };
        auto body = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            bool late = false;
            try {
                co_await with_deadline(at(5ms), overdue());
            } catch (const weir::timed_out&) {
                late = true;
            }
            CHECK(late);
            CHECK(co_await deadline() == none);
        };
        ex.run(body());
    }

    TEST_CASE("deadline: the nearest one counts, and after it the enclosing one again") {
        virtual_executor ex;
        seen first;
        seen second;
        seen third;
        auto innermost = [&]() -> weir::task<> {
            co_await with_deadline(at(80ms), second.look()); // later than what is around it
            co_await with_deadline(at(30ms), third.look());
            co_await first.look();
        };
        ex.run(with_deadline(at(100ms), with_deadline(at(50ms), innermost())));
        CHECK(first.only(at(50ms)));
        CHECK(second.only(at(50ms)));
        CHECK(third.only(at(30ms)));
    }

    TEST_CASE("deadline passes down through tasks") {
        virtual_executor ex;
        seen s;
        auto middle = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            co_await s.look();
        };
        auto outer = [&]() -> weir::task<> {
            co_await middle();
            co_await s.look();
        };
        ex.run(with_deadline(at(1s), outer()));
        CHECK(s.only(at(1s)));
    }

    TEST_CASE("deadline passes down through generators, with each pull") {
        virtual_executor ex;
        seen s;
        auto items = s.items(3);
        auto body = [&]() -> weir::task<> {
            CHECK(co_await with_deadline(at(1s), weir::next(items)) == 0);
            CHECK(s.only(at(1s)));
            s.all.clear();
            CHECK(co_await weir::next(items) == 1);
            CHECK(s.only(none));
            s.all.clear();
            CHECK(co_await with_deadline(at(2s), weir::next(items)) == 2);
            CHECK(s.only(at(2s)));
        };
        ex.run(body());
    }

    TEST_CASE("deadline passes down through when_all") {
        virtual_executor ex;
        seen s;
        ex.run(with_deadline(at(1s), weir::when_all(s.look(), s.look(5ms), weir::when_all(s.look(), s.look(3ms)))));
        CHECK(s.only(at(1s)));
        CHECK(s.all.size() == 12);
    }

    TEST_CASE("deadline passes down through operators with drivers") {
        virtual_executor ex;
        const auto check = [&](auto make) {
            seen s;
            ex.run(with_deadline(at(1h), make(s)));
            CHECK(s.only(at(1h)));
            CHECK(s.all.size() >= 30);
        };
        auto numbers = [] { return weir::iota(0, 10); };
        check([&](seen& s) {
            return numbers() | weir::map_async(3, [&s](int x) { return s.look_at(x); }) | weir::drain();
        });
        check([&](seen& s) {
            return numbers() | weir::map_async_unordered(3, [&s](int x) { return s.look_at(x); }) | weir::drain();
        });
        check([&](seen& s) { return numbers() | weir::flat_map(2, [&s](int) { return s.items(2); }) | weir::drain(); });
        check([&](seen& s) { return s.items(10) | weir::buffer(4) | weir::drain(); });
        check([&](seen& s) {
            return s.items(10) | weir::buffer(2) | weir::for_each([](int) { return weir::sleep_for(5ms); });
        });
        check([&](seen& s) { return weir::merge(s.items(6), s.items(6, 2ms)) | weir::drain(); });
        check([&](seen& s) { return weir::zip(s.items(6), s.items(6, 2ms)) | weir::drain(); });
        check([&](seen& s) {
            return s.items(10, 5ms) | weir::switch_map([&s](int) { return s.items(2); }) | weir::drain();
        });
    }

    TEST_CASE("deadline passes down through groups") {
        virtual_executor ex;
        seen s;
        ex.run(with_deadline(at(1s), weir::with_group([&](weir::task_group& group) -> weir::task<> {
                                 group.spawn(s.look());
                                 co_await weir::sleep_for(5ms);
                                 group.spawn(s.look());
                                 co_await s.look();
                             })));
        CHECK(s.only(at(1s)));
        CHECK(s.all.size() == 9);
        s.all.clear();
        ex.run(weir::with_group({.deadline = at(2s)}, [&](weir::task_group& group) -> weir::task<> {
            group.spawn(s.look());
            co_return;
        }));
        CHECK(s.only(at(2s)));
    }

    TEST_CASE("deadline passes down through retry, hedge, circuit_breaker and limits, also while they wait") {
        virtual_executor ex;
        const auto check = [&](std::size_t looks, auto make) {
            seen s;
            ex.run(with_deadline(at(1h), make(s)));
            CHECK(s.only(at(1h)));
            CHECK(s.all.size() == looks);
        };
        auto fails = [](seen& s) -> weir::task<> {
            co_await s.look();
            throw std::runtime_error{"again"};
        };
        check(9, [&](seen& s) {
            auto attempt = [&fails, &s] { return fails(s); };
            return weir::when_all_settled(weir::retry(attempt, {.attempts = 3, .delay = 5ms}));
        });
        check(4, [](seen& s) { return weir::hedge([&s] { return s.look(10ms); }, 5ms); });
        weir::circuit_breaker breaker{};
        check(3, [&](seen& s) { return breaker.run([&s] { return s.look(); }); });
        weir::bulkhead one{1, {.max_queued = 2}};
        check(9, [&](seen& s) { return weir::when_all(one.run(s.look()), one.run(s.look()), one.run(s.look())); });
        weir::adaptive_limit limit{weir::aimd{{.initial = 1}}};
        check(30, [&](seen& s) {
            return weir::iota(0, 10) | weir::map_async(limit, [&s](int x) { return s.look_at(x); }) | weir::drain();
        });
    }

    TEST_CASE("deadline does not pass to spawned operations") {
        virtual_executor ex;
        seen s;
        auto body = [&]() -> weir::task<> {
            auto handle = ex.spawn(s.look());
            co_await weir::sleep_for(10ms);
        };
        ex.run(with_deadline(at(1s), body()));
        CHECK(s.only(none));
    }
}
