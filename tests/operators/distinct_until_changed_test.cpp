// SPDX-License-Identifier: MIT
#include <weir/operators/distinct_until_changed.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/unique.hpp>

#include <weir/operators/map.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/distinct_until_changed") {
    TEST_CASE("distinct_until_changed leaves out an item that equals the one before it") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-a-[abb]-b-a|") | weir::distinct_until_changed()) == "-a---b---a|");
        CHECK(m.play(weir::empty<int>() | weir::distinct_until_changed()) == "|");
    }

    TEST_CASE("distinct_until_changed compares the projections of items") {
        struct reading {
            int sensor;
            std::string text;
        };
        virtual_executor ex;
        const auto texts = [&](auto op) {
            return ex.run(weir::just(reading{1, "a"}, reading{1, "b"}, reading{2, "c"}, reading{1, "d"}) |
                          std::move(op) | weir::map(&reading::text) | weir::to<std::vector>());
        };
        const std::vector<std::string> expected{"a", "c", "d"};
        CHECK(texts(weir::distinct_until_changed(&reading::sensor)) == expected);
        CHECK(texts(weir::distinct_until_changed([](const reading& r) { return r.sensor * 2; })) == expected);
        CHECK(texts(weir::distinct_until_changed(&reading::sensor, std::not_equal_to{})) ==
              std::vector<std::string>{"a", "b", "d"});
    }

    TEST_CASE("distinct_until_changed accepts a comparison of two items") {
        weir::testing::marbles m;
        const auto near = [](int a, int b) { return std::abs(a - b) <= 1; };
        CHECK(m.play(m.cold<int>("[1232145]|") | weir::distinct_until_changed(near)) == "[1314]|");
    }

    TEST_CASE("distinct_until_changed compares an item with the last one that was emitted") {
        weir::testing::marbles m;
        const auto near = [](int a, int b) { return std::abs(a - b) <= 1; };
        CHECK(m.play(m.cold<int>("[123456]|") | weir::distinct_until_changed(near)) == "[135]|");
    }

    TEST_CASE("distinct_until_changed: an error of upstream passes, and an exception from a function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("#") | weir::distinct_until_changed()) == "#");
        CHECK(m.play(m.cold("a-a-#") | weir::distinct_until_changed()) == "a---#");
        CHECK(m.play(m.cold<int>("1-2-3|") | weir::distinct_until_changed([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return x;
                     })) == "1-#");
    }

    TEST_CASE("distinct_until_changed keeps the contract of a stream, with one copy per item") {
        CHECK(weir::testing::check_contract([] { return weir::distinct_until_changed(); }, {.copies = 1}) == "");
        CHECK(weir::testing::check_contract([] {
                  return weir::distinct_until_changed([](const weir::testing::tracked& x) { return x / 2; });
              }) == "");
    }

    TEST_CASE("distinct_until_changed: a long run of equal items does not keep others from running") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::distinct_until_changed([](int) { return 0; }) | weir::count()) ==
              1);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("distinct_until_changed with a projection accepts move-only items") {
        virtual_executor ex;
        const auto kept =
            ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(1), std::make_unique<int>(2)) |
                   weir::distinct_until_changed([](const std::unique_ptr<int>& p) -> const int& { return *p; }) |
                   weir::to<std::vector>());
        REQUIRE(kept.size() == 2);
        CHECK(*kept[1] == 2);
    }

    TEST_CASE("distinct_until_changed does not change an object that its projection refers to") {
        std::string key = "a key that is too long to be kept in place";
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::distinct_until_changed([&](int) -> std::string& { return key; }) |
                     weir::count()) == 1);
        CHECK(key == "a key that is too long to be kept in place");
    }

    TEST_CASE("distinct_until_changed agrees with views::unique, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 2);
            CHECK(support::arrive_at_random(random, numbers, weir::distinct_until_changed()) ==
                  (numbers | ranges::views::unique | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("distinct_until_changed allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::distinct_until_changed([](int x) { return x / 2; }) | weir::drain());
              }) == 0);
    }
}
