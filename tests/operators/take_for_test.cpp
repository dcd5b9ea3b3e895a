// SPDX-License-Identifier: MIT
#include <weir/operators/take_for.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include <unchanged.hpp>

#include <weir/operators/take.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/take_for") {
    TEST_CASE("take_for ends at a time from the first poll") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d|") | weir::take_for(m.ticks(5))) == "a--b-|");
        CHECK(m.play(m.hot("a-|") | weir::take_for(m.ticks(5))) == "a-|");
        CHECK(m.play(m.hot("a-#") | weir::take_for(m.ticks(5))) == "a-#");
        CHECK(m.play(m.hot("a--b|") | weir::take_for(0ms)) == "[a|]");
        CHECK(m.play(m.hot("...") | weir::take_for(m.ticks(5))) == "-----|");
        CHECK(m.play(m.hot("a--b--c|") | weir::take_for(m.ticks(5)) | weir::take(1)) == "[a|]");
    }

    TEST_CASE("take_for destroys upstream when the time has passed, and counts only from the first poll") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::take_for(3ms)};
        ex.advance(10ms);
        CHECK(source.polls() == 0);
        sink.request();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK_FALSE(sink.ended());
        ex.advance(1ms);
        CHECK(sink.ended());
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("take_for passes everything before its end") {
        support::check_unchanged([] { return weir::take_for(1h); });
    }

    TEST_CASE("take_for refuses a negative duration") {
        CHECK_THROWS_WITH_AS(weir::take_for(-1ms), "weir::take_for(d): d is negative", std::invalid_argument);
    }
}
