// SPDX-License-Identifier: MIT
#include <weir/operators/take_last.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/take_last.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/take_last") {
    TEST_CASE("take_last emits the last items when upstream has ended") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-c-d|") | weir::take_last(2)) == "--------[cd|]");
        CHECK(m.play(m.hot("-a|") | weir::take_last(2)) == "--[a|]");
        CHECK(m.play(m.hot("-a-b|") | weir::take_last(0)) == "----|");
        CHECK(m.play(weir::empty<int>() | weir::take_last(2)) == "|");
        CHECK(m.play(m.hot("-a-b|") | weir::take_last(2) | weir::take(1)) == "----[a|]");
    }

    TEST_CASE("take_last: an error passes at once and discards the held items") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-#") | weir::take_last(1)) == "-----#");
        CHECK(m.play(m.hot("#") | weir::take_last(1)) == "#");
    }

    TEST_CASE("take_last keeps the contract of a stream") {
        const weir::testing::contract_options all{.prefetch = weir::testing::contract_options::any_number};
        CHECK(weir::testing::check_contract([] { return weir::take_last(0); }, all) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_last(3); }, all) == "");
        CHECK(weir::testing::check_contract([] { return weir::take_last(100); }, all) == "");
    }

    TEST_CASE("take_last drops upstream before the first item") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        source.end();
        weir::testing::probe_sink sink{ex, source.stream() | weir::take_last(2)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{2});
        CHECK(source.dropped());
    }

    TEST_CASE("take_last rejects a negative number") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::take_last(-1)), "weir::take_last(n): n is negative",
                             std::invalid_argument);
    }

    TEST_CASE("take_last accepts move-only items") {
        virtual_executor ex;
        const auto kept = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::take_last(1) |
                                 weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept.front() == 2);
    }

    TEST_CASE("take_last agrees with views::take_last, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 9);
            const int n = std::uniform_int_distribution<int>{0, 12}(random);
            CHECK(support::arrive_at_random(random, numbers, weir::take_last(n)) ==
                  (numbers | ranges::views::take_last(n) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("take_last allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::take_last(5) | weir::drain());
              }) == 0);
    }
}
