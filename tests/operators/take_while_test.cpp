// SPDX-License-Identifier: MIT
#include <weir/operators/take_while.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/take_while.hpp>

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

TEST_SUITE("operators/take_while") {
    TEST_CASE("take_while emits the items before the first that fails the predicate") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-2-3-1|") | weir::take_while(below_three)) == "-1-2-|");
        CHECK(m.play(m.cold<int>("-3-1|") | weir::take_while(below_three)) == "-|");
        CHECK(m.play(m.cold<int>("-1-2|") | weir::take_while(below_three)) == "-1-2|");
        CHECK(m.play(weir::empty<int>() | weir::take_while(below_three)) == "|");
    }

    TEST_CASE("take_while: an error passes before the end, and one from the predicate ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("#") | weir::take_while(below_three)) == "#");
        CHECK(m.play(m.cold<int>("1-#") | weir::take_while(below_three)) == "1-#");
        CHECK(m.play(m.cold<int>("1-3-#") | weir::take_while(below_three)) == "1-|");
        CHECK(m.play(m.cold<int>("1-2|") | weir::take_while([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return true;
                     })) == "1-#");
    }

    TEST_CASE("take_while keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::take_while(below_three); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_while([](int) { return true; }); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_while([](int) { return false; }); }) == "");
    }

    TEST_CASE("take_while drops upstream at its end, before it is destroyed itself") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.push(1);
        source.push(5);
        weir::testing::probe_sink sink{ex, source.stream() | weir::take_while(below_three)};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());
        CHECK(source.polls() == 2);
    }

    TEST_CASE("take_while accepts move-only items") {
        virtual_executor ex;
        const auto kept =
            ex.run(weir::just(std::make_unique<int>(1), std::unique_ptr<int>{}) |
                   weir::take_while([](const auto& p) { return p != nullptr; }) | weir::to<std::vector>());
        CHECK(kept.size() == 1);
    }

    TEST_CASE("take_while agrees with views::take_while, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 4);
            CHECK(support::arrive_at_random(random, numbers, weir::take_while(below_three)) ==
                  (numbers | ranges::views::take_while(below_three) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("take_while allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0) | weir::take_while([n](int x) { return x != n; }) | weir::drain());
              }) == 0);
    }
}
