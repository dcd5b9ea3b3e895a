// SPDX-License-Identifier: MIT
#include <weir/operators/pairwise.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/view/drop.hpp>
#include <range/v3/view/zip.hpp>

#include <weir/sink/drain.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/pairwise") {
    TEST_CASE("pairwise emits each item together with the one before it") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-[bc]-d|") | weir::pairwise()) == "---[(ab)(bc)]-(cd)|");
    }

    TEST_CASE("pairwise: fewer than two items make no pair") {
        weir::testing::marbles m;
        CHECK(m.play(weir::empty<int>() | weir::pairwise()) == "|");
        CHECK(m.play(m.cold("-a-|") | weir::pairwise()) == "---|");
    }

    TEST_CASE("pairwise: an error passes, whether an item waits for its partner or not") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("#") | weir::pairwise()) == "#");
        CHECK(m.play(m.hot("-a-#") | weir::pairwise()) == "---#");
    }

    TEST_CASE("pairwise keeps the contract of a stream, with one copy per item") {
        CHECK(weir::testing::check_contract([] { return weir::pairwise(); }, {.copies = 1}) == "");
    }

    TEST_CASE("pairwise: the copies have the values of their items") {
        virtual_executor ex;
        weir::testing::probe<std::string> source;
        for (const char* word : {"one that is long enough for the heap", "two", "three"}) source.push(word);
        weir::testing::probe_sink sink{ex, source.stream() | weir::pairwise()};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector<std::pair<std::string, std::string>>{
                                  {"one that is long enough for the heap", "two"}, {"two", "three"}});
    }

    TEST_CASE("pairwise agrees with a zip of the items and their successors, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            std::vector<std::pair<int, int>> expected;
            for (auto [a, b] : ranges::views::zip(numbers, numbers | ranges::views::drop(1)))
                expected.emplace_back(a, b);
            CHECK(support::arrive_at_random(random, numbers, weir::pairwise()) == expected);
        }
    }

    TEST_CASE("pairwise allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::pairwise() | weir::drain());
              }) == 0);
    }
}
