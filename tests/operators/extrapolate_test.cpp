// SPDX-License-Identifier: MIT
#include <weir/operators/extrapolate.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using support::seen_when_busy;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

constexpr auto repeat = [](char c) { return c; };
constexpr auto next = [](auto c) { return static_cast<decltype(c)>(c + 1); };

} // namespace

TEST_SUITE("operators/extrapolate") {
    TEST_CASE("extrapolate makes an item of the last one where upstream has none ready") {
        marbles m;
        CHECK(seen_when_busy(m, 2, m.hot("--a-----b--|") | weir::extrapolate(repeat)) == "aaabb|");
        CHECK(seen_when_busy(m, 2, m.cold("--a-----t--|") | weir::extrapolate(next)) == "abctu|");
        CHECK(seen_when_busy(m, 2, m.cold("--a-----#") | weir::extrapolate(next)) == "abc#");
        CHECK(m.play(m.cold("-a---") | weir::extrapolate(next) | weir::take(3)) == "-[abc|]");
    }

    TEST_CASE("extrapolate passes items that are ready, the end and errors, and makes none before the first") {
        for (const char* diagram : {"|", "#", "--|", "--#", "--[abc|]", "[abc#]"}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::extrapolate(next)) == diagram);
        }
    }

    TEST_CASE("extrapolate makes an item for the demand of its consumer only") {
        virtual_executor ex;
        probe<int> source;
        int made = 0;
        probe_sink sink{ex, source.stream() | weir::extrapolate([&](int x) { return ++made, x; })};
        ex.run_ready();
        CHECK(source.polls() == 0);
        source.push(1);
        sink.request(3);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 1, 1});
        CHECK(made == 2);
        sink.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("extrapolate: an exception of its function ends the stream") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        const auto fails = [](int) -> int { throw std::runtime_error{"f"}; };
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::extrapolate(fails) | weir::drain()), "f");
        CHECK(source.dropped());
    }

    TEST_CASE("extrapolate passes all items of a source that is always ready, and allocates nothing") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::extrapolate(next) | weir::to<std::vector>()) == numbers{0, 1, 2});
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  probe<int> source;
                  source.push(1);
                  other.run(source.stream() | weir::extrapolate(next) | weir::take(n) | weir::drain());
              }) == 0);
    }
}
