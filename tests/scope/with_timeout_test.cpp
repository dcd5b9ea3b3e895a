// SPDX-License-Identifier: MIT
#include <weir/scope/with_timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <manual.hpp>
#include <self_drop.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::manual;
using weir::timed_out;
using weir::with_deadline;
using weir::with_timeout;
using weir::testing::virtual_executor;

namespace {

weir::task<int> value_after(weir::duration d, int value) {
    co_await weir::sleep_for(d);
    co_return value;
}

weir::time_point at(weir::duration d) { return weir::time_point{d}; }

} // namespace

TEST_SUITE("scope/with_timeout") {
    TEST_CASE("with_timeout returns a result that arrives in time and disarms the timer") {
        virtual_executor ex;
        CHECK(ex.run(with_timeout(1s, value_after(10ms, 5))) == 5);
        CHECK(ex.elapsed() == 10ms);
        CHECK(ex.stats().timers_armed == 0);
        CHECK(ex.run(with_deadline(at(1s), value_after(10ms, 6))) == 6);
    }

    TEST_CASE("with_timeout drops a late operation and then throws timed_out") {
        virtual_executor ex;
        manual<int> slow;
        auto body = [&]() -> weir::task<> {
            try {
                co_await with_timeout(50ms, slow.operation());
                FAIL("it did not throw");
            } catch (const timed_out& e) {
                CHECK(std::string{e.what()} == "weir::with_timeout: no result within 50ms");
                CHECK(e.limit() == 50ms);
                CHECK(slow.dropped());
                CHECK(ex.elapsed() == 50ms);
            }
        };
        ex.run(body());
    }

    TEST_CASE("with_timeout: with_deadline's error contains the time that it has waited") {
        virtual_executor ex;
        ex.advance(10ms);
        CHECK_THROWS_WITH_AS(ex.run(with_deadline(at(30ms), value_after(1h, 1))),
                             "weir::with_deadline: no result within 20ms", timed_out);
        CHECK(ex.elapsed() == 30ms);
    }

    TEST_CASE("with_timeout counts the time from the first poll") {
        virtual_executor ex;
        auto body = [&]() -> weir::task<> {
            auto operation = with_timeout(50ms, value_after(40ms, 5));
            co_await weir::sleep_for(100ms);
            CHECK(co_await operation == 5);
        };
        ex.run(body());
    }

    TEST_CASE("with_timeout returns a result that is ready in the turn in which the time ends") {
        virtual_executor ex;
        CHECK(ex.run(with_timeout(50ms, value_after(50ms, 5))) == 5);
        auto outer = [&]() -> weir::task<int> { co_return co_await value_after(50ms, 6); };
        CHECK(ex.run(with_timeout(50ms, outer())) == 6);
    }

    TEST_CASE("with_timeout returns only a ready result when there is no time left") {
        virtual_executor ex;
        ex.advance(1s);
        CHECK(ex.run(with_timeout(0s, weir::iota(0, 5) | weir::count())) == 5);
        CHECK(ex.run(with_deadline(at(1ms), weir::iota(0, 5) | weir::count())) == 5);
        CHECK_THROWS_AS(ex.run(with_timeout(0s, value_after(1ms, 5))), timed_out);
        CHECK_THROWS_WITH_AS(ex.run(with_deadline(at(1ms), value_after(1ms, 5))),
                             "weir::with_deadline: no result within 0s", timed_out);
        CHECK(ex.elapsed() == 1s);
    }

    TEST_CASE("with_timeout accepts the largest time") {
        virtual_executor ex;
        CHECK(ex.run(with_timeout(weir::duration::max(), value_after(1h, 5))) == 5);
        CHECK(ex.run(with_deadline(weir::time_point::max(), value_after(1h, 5))) == 5);
        manual<int> never;
        CHECK_THROWS_AS(ex.run(with_timeout(weir::duration::max(), never.operation())), weir::deadlock);
    }

    TEST_CASE("with_deadline accepts the smallest time, which has passed") {
        weir::executor ex;
        CHECK(ex.run(weir::with_deadline(weir::time_point::min(), weir::iota(0, 3) | weir::count())) == 3);
        CHECK_THROWS_WITH_AS(ex.run(weir::with_deadline(weir::time_point::min(), weir::sleep_for(1h))),
                             "weir::with_deadline: no result within 0s", weir::timed_out);
    }

    TEST_CASE("with_timeout passes on an error of the operation") {
        virtual_executor ex;
        auto fails = []() -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"operation"};
        };
        CHECK_THROWS_WITH(ex.run(with_timeout(1s, fails())), "operation");
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("nested with_timeout throws the nearest time limit") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(with_timeout(20ms, with_timeout(50ms, value_after(1h, 1)))),
                          "weir::with_timeout: no result within 20ms");
        CHECK_THROWS_WITH(ex.run(with_timeout(50ms, with_timeout(20ms, value_after(1h, 1)))),
                          "weir::with_timeout: no result within 20ms");
        CHECK_THROWS_WITH(ex.run(with_timeout(50ms, with_deadline(at(60ms), value_after(1h, 1)))),
                          "weir::with_deadline: no result within 20ms");
        CHECK(ex.elapsed() == 60ms);
    }

    TEST_CASE("with_timeout: an abandoned next loses no item") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto s = source.stream();
        auto body = [&]() -> weir::task<> {
            bool late = false;
            try {
                co_await with_timeout(10ms, weir::next(s));
            } catch (const timed_out&) {
                late = true;
            }
            CHECK(late);
            source.push(1);
            CHECK(co_await with_timeout(10ms, weir::next(s)) == 1);
        };
        ex.run(body());
    }

    TEST_CASE("with_timeout leaves nothing behind when it is dropped at any suspension point") {
        for (int point = 0; point != 4; ++point) {
            CAPTURE(point);
            virtual_executor ex;
            manual<int> slow;
            {
                auto handle = ex.spawn(with_timeout(10ms, slow.operation()));
                if (point >= 1) ex.run_ready();
                if (point >= 2) slow.complete(1);
                if (point >= 3) ex.run_ready();
            }
            CHECK(slow.dropped());
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("with_timeout may be dropped by its operation, at once or later") {
        support::operation_drops_itself([](weir::task<> culprit) { return with_timeout(1s, std::move(culprit)); });
    }

    TEST_CASE("with_timeout rejects a negative time") {
        CHECK_THROWS_WITH_AS(with_timeout(-1ms, weir::yield()), "weir::with_timeout(d, operation): d is negative",
                             std::invalid_argument);
    }
}
