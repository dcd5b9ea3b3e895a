// SPDX-License-Identifier: MIT
#include <weir/operators/or_else.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
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

TEST_SUITE("operators/or_else") {
    TEST_CASE("or_else: the other stream replaces one that ends without an item") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("--|") | weir::or_else(m.cold("-x-y|"))) == "---x-y|");
        CHECK(m.play(m.cold("-a-b|") | weir::or_else(m.cold("-x-y|"))) == "-a-b|");
        CHECK(m.play(weir::empty<char>() | weir::or_else(weir::empty<char>())) == "|");
    }

    TEST_CASE("or_else: an error is not an empty stream, and those of the other stream pass") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-#") | weir::or_else(m.cold("x|"))) == "-#");
        CHECK(m.play(m.cold("-a-#") | weir::or_else(m.cold("x|"))) == "-a-#");
        CHECK(m.play(m.cold("-|") | weir::or_else(m.cold("x-#"))) == "-x-#");
    }

    TEST_CASE("or_else keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::or_else(weir::just(weir::testing::tracked{7})); },
                                            {.ends_with_upstream = false}) == "");
    }

    TEST_CASE("or_else polls the other stream after upstream was destroyed, not before") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        weir::testing::probe<int> other;
        other.push(5);
        weir::testing::probe_sink sink{ex, source.stream() | weir::or_else(other.stream())};
        sink.request();
        ex.run_ready();
        CHECK(other.polls() == 0);
        source.end();
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(sink.items() == std::vector{5});
    }

    TEST_CASE("or_else accepts move-only items") {
        virtual_executor ex;
        const auto items = ex.run(weir::empty<std::unique_ptr<int>>() |
                                  weir::or_else(weir::just(std::make_unique<int>(4))) | weir::to<std::vector>());
        REQUIRE(items.size() == 1);
        CHECK(*items.front() == 4);
    }

    TEST_CASE("or_else agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 3, 0, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::or_else(weir::just(7, 8))) ==
                  (numbers.empty() ? std::vector{7, 8} : numbers));
        }
    }

    TEST_CASE("or_else allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::or_else(weir::iota(0, 1)) | weir::drain());
                  ex.run(weir::empty<int>() | weir::or_else(weir::iota(0, n)) | weir::drain());
              }) == 0);
    }
}
