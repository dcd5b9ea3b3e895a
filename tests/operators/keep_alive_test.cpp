// SPDX-License-Identifier: MIT
#include <weir/operators/keep_alive.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;

namespace {

constexpr auto dot = [] { return 'x'; };

} // namespace

TEST_SUITE("operators/keep_alive") {
    TEST_CASE("keep_alive emits an item for each period without one") {
        marbles m;
        CHECK(m.play(m.hot("--a--b--------c--|") | weir::keep_alive(3ms, dot)) == "--a--b--x--x--c--|");
        CHECK(m.play(m.cold("-------a|") | weir::keep_alive(3ms, dot)) == "---x--xa|");
    }

    TEST_CASE("keep_alive passes on items, the end and errors that arrive in time") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]"}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::keep_alive(3ms, dot)) == diagram);
        }
    }

    TEST_CASE("keep_alive prefers an item, the end or an error in the tick in which the period ends") {
        marbles m;
        CHECK(m.play(m.hot("---a---|") | weir::keep_alive(3ms, dot)) == "---a--x|");
        CHECK(m.play(m.cold("---a--|") | weir::keep_alive(3ms, dot)) == "---a--|");
        CHECK(m.play(m.cold("---#") | weir::keep_alive(3ms, dot)) == "---#");
    }

    TEST_CASE("keep_alive: an exception from its function ends the stream and drops upstream") {
        virtual_executor ex;
        probe<char> source;
        CHECK_THROWS_WITH(ex.run(source.stream() |
                                 weir::keep_alive(1ms, []() -> char { throw std::runtime_error{"made"}; }) |
                                 weir::drain()),
                          "made");
        CHECK(source.dropped());
    }

    TEST_CASE("keep_alive emits one item for many periods in which its consumer was busy") {
        virtual_executor ex;
        probe<char> source;
        probe_sink sink{ex, source.stream() | weir::keep_alive(10ms, dot)};
        ex.advance(1s);
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.advance(10ms);
        CHECK(sink.items().size() == 1);
        ex.advance(1s);
        CHECK(sink.items().size() == 1);
        sink.request();
        ex.run_ready();
        CHECK(sink.items().size() == 2);
        ex.advance(9ms);
        CHECK(sink.items().size() == 2);
        ex.advance(1ms);
        CHECK(sink.items().size() == 3);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("keep_alive does not drift in a million seconds") {
        virtual_executor ex;
        std::optional<weir::duration> last;
        int made = 0;
        ex.run(weir::never<int>() | weir::keep_alive(10s, [&] { return ++made; }) | weir::take(100'000) |
               weir::for_each([&](int) { last = ex.elapsed(); }));
        CHECK(*last == 1'000'000s);
    }

    TEST_CASE("keep_alive passes all items, whenever they arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::keep_alive(1s, [] { return -1; })) == items);
        }
    }

    TEST_CASE("keep_alive allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::keep_alive(1s, [] { return 0; }) | weir::drain());
              }) == 0);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::never<int>() | weir::keep_alive(1s, [] { return 0; }) | weir::take(n) | weir::drain());
              }) == 0);
        virtual_executor ex;
        const auto items =
            ex.run(weir::never<std::unique_ptr<int>>() | weir::keep_alive(1s, [] { return std::make_unique<int>(7); }) |
                   weir::take(1) | weir::to<std::vector>());
        CHECK(*items.at(0) == 7);
    }

    TEST_CASE("keep_alive rejects a time that is not positive") {
        CHECK_THROWS_WITH_AS(weir::keep_alive(0s, dot), "weir::keep_alive(d, make): d must be positive",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::keep_alive(-1s, dot), std::invalid_argument);
    }

    TEST_CASE("keep_alive keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::keep_alive(1h, [] { return 0; }); }) == "");
    }
}
