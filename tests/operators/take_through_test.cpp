// SPDX-License-Identifier: MIT
#include <weir/operators/take_through.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

constexpr auto below_three = [](int x) { return x < 3; };

} // namespace

TEST_SUITE("operators/take_through") {
    TEST_CASE("take_through emits the items up to and including the first that fails the predicate") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-2-3-1|") | weir::take_through(below_three)) == "-1-2-[3|]");
        CHECK(m.play(m.cold<int>("-3-1|") | weir::take_through(below_three)) == "-[3|]");
        CHECK(m.play(m.cold<int>("-1-2|") | weir::take_through(below_three)) == "-1-2|");
        CHECK(m.play(weir::empty<int>() | weir::take_through(below_three)) == "|");
    }

    TEST_CASE("take_through: an error passes before the end, and one from the predicate ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("#") | weir::take_through(below_three)) == "#");
        CHECK(m.play(m.cold<int>("1-#") | weir::take_through(below_three)) == "1-#");
        CHECK(m.play(m.cold<int>("1-3-#") | weir::take_through(below_three)) == "1-[3|]");
        CHECK(m.play(m.cold<int>("1-2|") | weir::take_through([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return true;
                     })) == "1-#");
    }

    TEST_CASE("take_through keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::take_through(below_three); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_through([](int) { return true; }); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_through([](int) { return false; }); }) == "");
    }

    TEST_CASE("take_through polls upstream no further than to the item that ends it, and drops it before the end") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (const int x : {1, 5, 1}) source.push(x);
        weir::testing::probe_sink sink{ex, source.stream() | weir::take_through(below_three)};
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 5});
        CHECK_FALSE(sink.ended());
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());
        CHECK(source.polls() == 2);
    }

    TEST_CASE("take_through accepts move-only items") {
        virtual_executor ex;
        const auto kept =
            ex.run(weir::just(std::make_unique<int>(1), std::unique_ptr<int>{}, std::unique_ptr<int>{}) |
                   weir::take_through([](const auto& p) { return p != nullptr; }) | weir::to<std::vector>());
        CHECK(kept.size() == 2);
    }

    TEST_CASE("take_through agrees with a search for the first item that fails, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 4);
            auto end = std::find_if_not(numbers.begin(), numbers.end(), below_three);
            if (end != numbers.end()) ++end;
            CHECK(support::arrive_at_random(random, numbers, weir::take_through(below_three)) ==
                  std::vector<int>(numbers.begin(), end));
        }
    }

    TEST_CASE("take_through allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0) | weir::take_through([n](int x) { return x != n; }) | weir::drain());
              }) == 0);
    }
}
