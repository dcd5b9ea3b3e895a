// SPDX-License-Identifier: MIT
#include <weir/operators/prefix_and_tail.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/core/closure.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;

namespace {

constexpr auto tail_of = [](auto both) { return std::move(both.second); };

/// The number of items of the prefix as a character, and then the tail.
constexpr auto size_and_tail = [](auto both) {
    return std::move(both.second) | weir::start_with(static_cast<char>('0' + both.first.size()));
};

} // namespace

TEST_SUITE("operators/prefix_and_tail") {
    TEST_CASE("prefix_and_tail emits the first items together and the others as they arrive") {
        marbles m;
        CHECK(m.play(m.hot("-a-b-c-d|") | weir::prefix_and_tail(2) | weir::concat_map(size_and_tail)) == "---2-c-d|");
        CHECK(m.play(m.cold("-a-b|") | weir::prefix_and_tail(0) | weir::concat_map(size_and_tail)) == "0a-b|");
        CHECK(m.play(m.cold("-a-b...") | weir::prefix_and_tail(1) | weir::concat_map(size_and_tail)) == "-1-b...");
    }

    TEST_CASE("prefix_and_tail emits a shorter prefix and an empty tail for a short stream") {
        marbles m;
        CHECK(m.play(m.hot("-a-b-|") | weir::prefix_and_tail(3) | weir::concat_map(size_and_tail)) == "-----[2|]");
        CHECK(m.play(m.cold("-|") | weir::prefix_and_tail(3) | weir::concat_map(size_and_tail)) == "-[0|]");
        CHECK(m.play(m.cold("-a-b|") | weir::prefix_and_tail(2) | weir::concat_map(size_and_tail)) == "---2|");
    }

    TEST_CASE("prefix_and_tail delivers an error in the tail after the items before it") {
        marbles m;
        CHECK(m.play(m.hot("-a-#") | weir::prefix_and_tail(3) | weir::concat_map(size_and_tail)) == "---[1#]");
        CHECK(m.play(m.cold("-a-b-#") | weir::prefix_and_tail(1) | weir::concat_map(size_and_tail)) == "-1-b-#");
        CHECK(m.play(m.cold("#") | weir::prefix_and_tail(1) | weir::concat_map(size_and_tail)) == "[0#]");
    }

    TEST_CASE("prefix_and_tail polls upstream for the prefix and for the demand of the tail only") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::prefix_and_tail(3) | weir::concat_map(tail_of)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{3, 4});
        CHECK(source.taken() == 5);
        sink.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("prefix_and_tail: the tail may be kept, moved and read later") {
        virtual_executor ex;
        const auto read = []() -> weir::task<numbers> {
            auto both = co_await (weir::iota(0, 6) | weir::prefix_and_tail(2) | weir::first());
            numbers seen = std::move(both->first);
            auto tail = std::move(both->second);
            const auto third = co_await weir::next(tail);
            seen.push_back(third.value());
            auto moved = std::move(tail);
            while (auto item = co_await weir::next(moved)) seen.push_back(*item);
            co_return seen;
        };
        CHECK(ex.run(read()) == numbers{0, 1, 2, 3, 4, 5});
    }

    TEST_CASE("prefix_and_tail: a dropped tail drops upstream") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        source.push(2);
        ex.run(source.stream() | weir::prefix_and_tail(1) | weir::map([](auto both) { return both.first.size(); }) |
               weir::drain());
        CHECK(source.dropped());
        CHECK(source.taken() == 1);
    }

    TEST_CASE("prefix_and_tail accepts move-only items") {
        virtual_executor ex;
        const auto tail = ex.run(weir::iota(0, 4) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                                 weir::prefix_and_tail(2) | weir::concat_map(tail_of) | weir::to<std::vector>());
        REQUIRE(tail.size() == 2);
        CHECK(*tail[0] == 2);
    }

    TEST_CASE("prefix_and_tail loses no item, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto n = std::uniform_int_distribution<std::size_t>{0, 8}(random);
            const auto whole = weir::closure{[n](auto s) {
                return std::move(s) | weir::prefix_and_tail(n) | weir::concat_map([](auto both) {
                           return std::move(both.second) | weir::start_with(static_cast<int>(both.first.size()));
                       });
            }};
            numbers expected = items;
            const auto taken = std::min(n, items.size());
            expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(taken));
            expected.insert(expected.begin(), static_cast<int>(taken));
            CHECK(support::arrive_at_random(random, items, whole) == expected);
        }
    }

    TEST_CASE("prefix_and_tail allocates nothing per item of the tail") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::prefix_and_tail(10) | weir::concat_map(tail_of) | weir::drain());
              }) == 0);
    }

    TEST_CASE("prefix_and_tail rejects a negative number") {
        CHECK_THROWS_WITH_AS(weir::prefix_and_tail(-1), "weir::prefix_and_tail(n): n is negative",
                             std::invalid_argument);
    }

    TEST_CASE("prefix_and_tail keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::prefix_and_tail(0) | weir::concat_map(tail_of); }) == "");
        CHECK(check_contract([] { return weir::prefix_and_tail(2) | weir::concat_map(tail_of); }) == "");
    }
}
