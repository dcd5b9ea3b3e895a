// SPDX-License-Identifier: MIT
#include <weir/operators/skip_while.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/drop_while.hpp>

#include <weir/sink/count.hpp>
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

TEST_SUITE("operators/skip_while") {
    TEST_CASE("skip_while passes all items from the first one that fails the predicate") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-2-3-1|") | weir::skip_while(below_three)) == "-----3-1|");
        CHECK(m.play(m.cold<int>("-3-1|") | weir::skip_while(below_three)) == "-3-1|");
        CHECK(m.play(m.cold<int>("-1-2|") | weir::skip_while(below_three)) == "----|");
        CHECK(m.play(weir::empty<int>() | weir::skip_while(below_three)) == "|");
    }

    TEST_CASE("skip_while: the predicate is not called after it has failed") {
        int calls = 0;
        virtual_executor ex;
        ex.run(weir::iota(0, 9) | weir::skip_while([&](int x) {
                   ++calls;
                   return x < 3;
               }) |
               weir::drain());
        CHECK(calls == 4);
    }

    TEST_CASE("skip_while: an error of upstream passes, and an exception from the predicate ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("#") | weir::skip_while(below_three)) == "#");
        CHECK(m.play(m.cold<int>("1-#") | weir::skip_while(below_three)) == "--#");
        CHECK(m.play(m.cold<int>("1-3-#") | weir::skip_while(below_three)) == "--3-#");
        CHECK(m.play(m.cold<int>("1-2|") | weir::skip_while([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return true;
                     })) == "--#");
    }

    TEST_CASE("skip_while keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::skip_while(below_three); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::skip_while([](int) { return true; }); }) == "");
    }

    TEST_CASE("skip_while lets others run during a long run of skipped items") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::skip_while([](int) { return true; }) | weir::count()) == 0);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("skip_while accepts move-only items") {
        virtual_executor ex;
        const auto kept =
            ex.run(weir::just(std::unique_ptr<int>{}, std::make_unique<int>(2)) |
                   weir::skip_while([](const auto& p) { return p == nullptr; }) | weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept[0] == 2);
    }

    TEST_CASE("skip_while agrees with views::drop_while, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 4);
            CHECK(support::arrive_at_random(random, numbers, weir::skip_while(below_three)) ==
                  (numbers | ranges::views::drop_while(below_three) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("skip_while allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::skip_while([n](int x) { return x < n / 2; }) | weir::drain());
              }) == 0);
    }
}
