// SPDX-License-Identifier: MIT
#include <weir/source/interval.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <manual_clock.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::missed_ticks;
using weir::testing::marbles;
using numbers = std::vector<std::uint64_t>;

TEST_SUITE("source/interval") {
    TEST_CASE("interval emits its first tick after one period and numbers ticks from zero") {
        marbles m;
        CHECK(m.play(weir::interval(3ms) | weir::take(4)) == "---0--1--2--[3|]");
    }

    TEST_CASE("interval starts when it is first polled") {
        marbles m;
        auto ticks = weir::interval(2ms);
        m.executor().advance(7ms);
        CHECK(m.play(std::move(ticks) | weir::take(2)) == "--0-[1|]");
    }

    TEST_CASE("interval emits one tick for all missed ones after a stall, and the next at its time") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(10ms)};
        sink.request(1);
        ex.advance(10ms);
        CHECK(sink.items() == numbers{0});
        ex.advance(45ms); // 55
        CHECK(sink.items() == numbers{0});
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 4});
        ex.advance(4ms);
        CHECK(sink.items() == numbers{0, 4});
        ex.advance(1ms);
        CHECK(sink.items() == numbers{0, 4, 5});
    }

    TEST_CASE("interval with burst emits every missed tick") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(10ms, missed_ticks::burst)};
        sink.request(1);
        ex.advance(55ms);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4});
        ex.advance(5ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4, 5});
    }

    TEST_CASE("interval with delay shifts its schedule after a stall") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(10ms, missed_ticks::delay)};
        sink.request(1);
        ex.advance(55ms);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        ex.advance(9ms);
        CHECK(sink.items() == numbers{0, 1});
        ex.advance(1ms);
        CHECK(sink.items() == numbers{0, 1, 2});
    }

    TEST_CASE("interval does not fail without demand, for any time") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(1ms)};
        sink.request(1);
        ex.advance(24h * 365);
        sink.request(1);
        ex.run_ready();
        CHECK_FALSE(sink.finished());
        CHECK(sink.items() == numbers{0, 24ull * 365 * 3'600'000 - 1});
    }

    TEST_CASE("interval does not drift") {
        weir::testing::virtual_executor ex;
        std::vector<weir::duration> at;
        ex.run(weir::interval(7ms) | weir::take(1000) | weir::for_each([&](auto) { at.push_back(ex.elapsed()); }));
        CHECK(at.front() == 7ms);
        CHECK(at.back() == 7s);
    }

    TEST_CASE("interval does not drift with late turns") {
        support::manual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(10ms)};
        sink.request();
        ex.run_ready();
        ex.run_after(13ms);
        CHECK(sink.items() == numbers{0});
        ex.run_after(6ms);
        CHECK(sink.items() == numbers{0});
        ex.run_after(1ms);
        CHECK(sink.items() == numbers{0, 1});
        ex.run_after(35ms); // 55
        CHECK(sink.items() == numbers{0, 1, 4});
        ex.run_after(5ms);
        CHECK(sink.items() == numbers{0, 1, 4, 5});
    }

    TEST_CASE("interval arms no timer without demand") {
        weir::testing::virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::interval(1ms)};
        sink.request(1);
        ex.advance(1ms);
        CHECK(ex.stats().timers_armed == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("interval accepts the longest period") {
        weir::testing::virtual_executor ex;
        for (const auto missed : {missed_ticks::skip, missed_ticks::burst, missed_ticks::delay}) {
            weir::testing::probe_sink sink{ex, weir::interval(weir::duration::max(), missed)};
            sink.request();
            ex.advance(24h);
            CHECK(sink.items().empty());
        }
    }

    TEST_CASE("interval rejects a period that is not positive") {
        CHECK_THROWS_WITH_AS(weir::interval(0s), "weir::interval(period): period must be more than zero",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::interval(-1ns), std::invalid_argument);
    }

    TEST_CASE("interval allocates nothing per tick") {
        CHECK(support::allocations_for_more_items([](int n) {
                  weir::testing::virtual_executor ex;
                  ex.run(weir::interval(3ms) | weir::take(static_cast<std::size_t>(n)) | weir::for_each([](auto) {}));
              }) == 0);
    }
}
