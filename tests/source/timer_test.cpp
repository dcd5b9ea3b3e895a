// SPDX-License-Identifier: MIT
#include <weir/source/timer.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::testing::marbles;

TEST_SUITE("source/timer") {
    TEST_CASE("timer emits one tick and ends") {
        marbles m;
        CHECK(m.play(weir::timer(3ms)) == "---[0|]");
    }

    TEST_CASE("timer: the time counts from the first poll") {
        marbles m;
        auto tick = weir::timer(2ms);
        m.executor().advance(7ms);
        CHECK(m.play(std::move(tick)) == "--[0|]");
    }

    TEST_CASE("timer with a time of 0 fires at once") {
        marbles m;
        CHECK(m.play(weir::timer(0s)) == "[0|]");
    }

    TEST_CASE("timer emits a late tick at once") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::timer(10ms)};
        sink.request(1);
        ex.advance(1h);
        CHECK(sink.items().size() == 1);
        CHECK_FALSE(sink.ended());
        sink.request(1);
        ex.run_ready();
        CHECK(sink.ended());
    }

    TEST_CASE("timer disarms when it is dropped") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::timer(10ms)};
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("timer accepts the longest time") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::timer(weir::duration::max())};
        sink.request();
        ex.advance(24h * 365 * 100);
        CHECK(sink.items().empty());
    }

    TEST_CASE("timer rejects a negative time") {
        CHECK_THROWS_WITH_AS(weir::timer(-1ms), "weir::timer(d): d is negative", std::invalid_argument);
    }
}
