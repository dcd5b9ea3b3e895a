// SPDX-License-Identifier: MIT
#include <weir/operators/timeout_total.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

#include <silence.hpp>
#include <unchanged.hpp>

#include <weir/operators/take.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/timeout_total") {
    TEST_CASE("timeout_total limits the whole stream") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d--e|") | weir::timeout_total(m.ticks(7))) == "a--b--c#");
        CHECK(m.play(m.hot("a--b|") | weir::timeout_total(m.ticks(7))) == "a--b|");
        CHECK(m.play(m.hot("-#") | weir::timeout_total(m.ticks(7))) == "-#");
        CHECK(m.play(m.hot("a--b--c|") | weir::timeout_total(m.ticks(2)) | weir::take(1)) == "[a|]");
    }

    TEST_CASE("timeout_total names itself in its error, and destroys upstream first") {
        CHECK(support::error_of_silence(weir::timeout_total(5ms)) ==
              "weir::timeout_total: the stream has not ended within 5ms");
    }

    TEST_CASE("timeout_total counts from the first poll, and leaves no timer") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::timeout_total(3ms)};
        ex.advance(10ms);
        CHECK(source.polls() == 0);
        sink.request();
        ex.advance(2ms);
        CHECK_FALSE(sink.failed());
        ex.advance(1ms);
        CHECK(sink.failed());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("timeout_total passes everything when the end is in time") {
        support::check_unchanged([] { return weir::timeout_total(1h); });
    }

    TEST_CASE("timeout_total refuses a negative duration") {
        CHECK_THROWS_WITH_AS(weir::timeout_total(-1ms), "weir::timeout_total(d): d is negative", std::invalid_argument);
    }
}
