// SPDX-License-Identifier: MIT
#include <weir/operators/timeout_first.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include <silence.hpp>
#include <unchanged.hpp>

#include <weir/operators/take.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/timeout_first") {
    TEST_CASE("timeout_first limits the wait for the first item only") {
        marbles m;
        CHECK(m.play(m.hot("--a------b|") | weir::timeout_first(m.ticks(3))) == "--a------b|");
        CHECK(m.play(m.hot("-----a---b|") | weir::timeout_first(m.ticks(3))) == "---#");
        CHECK(m.play(m.hot("--|") | weir::timeout_first(m.ticks(3))) == "--|");
        CHECK(m.play(m.hot("---a|") | weir::timeout_first(m.ticks(3))) == "---a|");
        CHECK(m.play(m.hot("-#") | weir::timeout_first(m.ticks(3))) == "-#");
        CHECK(m.play(m.hot("--a---b|") | weir::timeout_first(m.ticks(3)) | weir::take(1)) == "--[a|]");
    }

    TEST_CASE("timeout_first names itself in its error, and destroys upstream first") {
        CHECK(support::error_of_silence(weir::timeout_first(5ms)) == "weir::timeout_first: no item within 5ms");
    }

    TEST_CASE("timeout_first counts only while the consumer waits, and leaves no timer") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::timeout_first(3ms)};
        ex.advance(10ms);
        sink.request(1);
        ex.run_ready();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK(ex.stats().timers_armed == 0);
        sink.request(1);
        ex.advance(1min);
        CHECK_FALSE(sink.failed());
    }

    TEST_CASE("timeout_first passes everything when the first item is in time") {
        support::check_unchanged([] { return weir::timeout_first(1h); });
    }

    TEST_CASE("timeout_first refuses a negative duration") {
        CHECK_THROWS_WITH_AS(weir::timeout_first(-1ms), "weir::timeout_first(d): d is negative", std::invalid_argument);
    }
}
