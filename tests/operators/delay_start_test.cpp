// SPDX-License-Identifier: MIT
#include <weir/operators/delay_start.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

#include <unchanged.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/delay_start") {
    TEST_CASE("delay_start polls upstream after a time or an operation, and fails with the operation") {
        marbles m;
        CHECK(m.play(m.cold("a-b|") | weir::delay_start(m.ticks(3))) == "---a-b|");
        CHECK(m.play(m.cold("a-#") | weir::delay_start(weir::sleep_for(m.ticks(3)))) == "---a-#");
        CHECK(m.play(m.cold("|") | weir::delay_start(m.ticks(3))) == "---|");
        CHECK(m.play(m.cold("a-b|") | weir::delay_start(m.ticks(3)) | weir::take(1)) == "---[a|]");
        const auto fails = []() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"operation"};
        };
        virtual_executor ex;
        probe<int> source;
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::delay_start(fails()) | weir::drain()), "operation");
        CHECK(source.polls() == 0);
    }

    TEST_CASE("delay_start drops the wait with its consumer") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::delay_start(1h)};
        CHECK(ex.stats().timers_armed == 0);
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        CHECK(source.polls() == 0);
        sink.drop();
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("delay_start passes everything after its wait") {
        support::check_unchanged([] { return weir::delay_start(0ms); });
    }

    TEST_CASE("delay_start keeps the contract of a stream when it waits") {
        CHECK(check_contract([] { return weir::delay_start(weir::yield()); }) == "");
        CHECK(check_contract([] { return weir::delay_start(1ms); }) == "");
    }

    TEST_CASE("delay_start refuses a negative duration") {
        CHECK_THROWS_WITH_AS(weir::delay_start(-1ms), "weir::delay_start(d): d is negative", std::invalid_argument);
    }
}
