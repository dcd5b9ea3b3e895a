// SPDX-License-Identifier: MIT
#include <weir/operators/sliding.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/sliding.hpp>
#include <slow_consumer.hpp>

#include <weir/operators/chunk.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::virtual_executor;
using windows = std::vector<std::vector<int>>;

namespace {

/// Each window starts a step after the one before it; the last has an item that was in no window.
windows expected_windows(const std::vector<int>& items, std::size_t n, std::size_t step) {
    windows result;
    std::size_t seen = 0; // items that were in a window or were left out
    for (std::size_t first = 0; first < items.size() && seen < items.size(); first += step) {
        const std::size_t end = std::min(items.size(), first + n);
        result.emplace_back(items.begin() + static_cast<std::ptrdiff_t>(first),
                            items.begin() + static_cast<std::ptrdiff_t>(end));
        seen = end;
    }
    return result;
}

} // namespace

TEST_SUITE("operators/sliding") {
    TEST_CASE("sliding emits a window with its last item, and starts the next a step later") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c-d-e|") | weir::sliding(3)) == "----(abc)-(bcd)-(cde)|");
        CHECK(m.play(m.cold("a-b-c-d-e|") | weir::sliding(3, 2)) == "----(abc)---(cde)|");
        CHECK(m.play(m.cold("[abcd]|") | weir::sliding(2)) == "[(ab)(bc)(cd)]|");
        CHECK(m.play(m.cold("a-b|") | weir::sliding(1)) == "(a)-(b)|");
    }

    TEST_CASE("sliding with a step longer than a window leaves items out") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c-d-e-|") | weir::sliding(2, 3)) == "--(ab)-----(de)-|");
        CHECK(m.play(m.cold("a-b-c|") | weir::sliding(2, 3)) == "--(ab)--|");
    }

    TEST_CASE("sliding: the last window is shorter when it has an item that was in no window") {
        marbles m;
        CHECK(m.play(m.hot("|") | weir::sliding(2)) == "|");
        CHECK(m.play(m.cold("a-|") | weir::sliding(2)) == "--[(a)|]");
        CHECK(m.play(m.cold("a-b-c-d-|") | weir::sliding(3, 2)) == "----(abc)---[(cd)|]");
        CHECK(m.play(m.cold("a-b-|") | weir::sliding(2)) == "--(ab)-|");
        CHECK(m.play(m.cold("a-b-c-d-|") | weir::sliding(2, 3)) == "--(ab)-----[(d)|]");
    }

    TEST_CASE("sliding delivers the held items before an error") {
        marbles m;
        CHECK(m.play(m.hot("a-b-#") | weir::sliding(3)) == "----[(ab)#]");
        CHECK(m.play(m.cold("a-b-#") | weir::sliding(2)) == "--(ab)-#");
        CHECK(m.play(m.cold("#") | weir::sliding(2)) == "#");
    }

    TEST_CASE("sliding emits the same windows to a slow consumer and to one that stops early") {
        marbles m;
        CHECK(support::seen_when_busy(m, 3, m.hot("a-b-c-d|") | weir::sliding(2)) == "(ab)(bc)(cd)|");
        CHECK(m.play(m.cold("a-b-c-d|") | weir::sliding(2) | weir::take(1)) == "--[(ab)|]");
    }

    TEST_CASE("sliding polls upstream no further than to the last item of a window") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        weir::testing::probe_sink sink{ex, source.stream() | weir::sliding(3, 2)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == windows{{0, 1, 2}, {2, 3, 4}});
        CHECK(source.taken() == 5);
    }

    TEST_CASE("sliding agrees with views::sliding and with a model, whenever items arrive") {
        std::mt19937 random{1};
        for (int round = 0; round != 300; ++round) {
            const auto numbers = support::random_numbers(random, 20, 0, 9);
            const auto n = std::uniform_int_distribution<std::size_t>{1, 5}(random);
            const auto step = std::uniform_int_distribution<std::size_t>{1, 7}(random);
            CHECK(support::arrive_at_random(random, numbers, weir::sliding(n, step)) ==
                  expected_windows(numbers, n, step));
            if (numbers.size() < n) continue;
            CHECK(support::arrive_at_random(random, numbers, weir::sliding(n)) ==
                  (numbers | ranges::views::sliding(static_cast<std::ptrdiff_t>(n)) | ranges::to<windows>()));
        }
    }

    TEST_CASE("sliding with a step of its size is chunk") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 11) | weir::sliding(3, 3) | weir::to<std::vector>()) ==
              ex.run(weir::iota(0, 11) | weir::chunk(3) | weir::to<std::vector>()));
    }

    TEST_CASE("sliding allocates once per window and not per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::sliding(10, 100) | weir::drain());
              }) == 20);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::sliding(10) | weir::drain());
              }) == 2000);
    }

    TEST_CASE("sliding: items whose copy fails end the stream") {
        struct brittle {
            explicit brittle(int v) : value{v} {}
            brittle(const brittle& other) : value{other.value} {
                if (value == 2) throw std::runtime_error{"copy"};
            }
            brittle(brittle&&) noexcept = default;
            int value;
        };
        virtual_executor ex;
        CHECK_THROWS_WITH(
            ex.run(weir::iota(0, 5) | weir::map([](int i) { return brittle(i); }) | weir::sliding(2) | weir::drain()),
            "copy");
    }

    TEST_CASE("sliding rejects a size and a step of 0") {
        CHECK_THROWS_WITH_AS(weir::sliding(0), "weir::sliding(n, step): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::sliding(2, 0), "weir::sliding(n, step): step must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::sliding(-1, 1), std::invalid_argument);
    }

    TEST_CASE("sliding keeps the contract of a stream") {
        const auto size = weir::map([](auto window) { return window.size(); });
        CHECK(check_contract([&] { return weir::sliding(2) | size; }, {.copies = 1}) == "");
        CHECK(check_contract([&] { return weir::sliding(3) | size; }, {.copies = 2}) == "");
        CHECK(check_contract([&] { return weir::sliding(1, 2) | size; }) == "");
    }
}
