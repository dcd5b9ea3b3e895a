// SPDX-License-Identifier: MIT
#include <weir/operators/default_if_empty.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/default_if_empty") {
    TEST_CASE("default_if_empty: the value arrives when upstream ends without an item") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("--|") | weir::default_if_empty('x')) == "--[x|]");
        CHECK(m.play(m.cold("-a-b|") | weir::default_if_empty('x')) == "-a-b|");
        CHECK(m.play(weir::empty<char>() | weir::default_if_empty('x') | weir::take(1)) == "[x|]");
    }

    TEST_CASE("default_if_empty: an error of upstream passes, with and without items before it") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-#") | weir::default_if_empty('x')) == "-#");
        CHECK(m.play(m.cold("-a-#") | weir::default_if_empty('x')) == "-a-#");
    }

    TEST_CASE("default_if_empty keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::default_if_empty(7); }, {.ends_with_upstream = false}) ==
              "");
    }

    TEST_CASE("default_if_empty drops upstream before the value") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.end();
        weir::testing::probe_sink sink{ex, source.stream() | weir::default_if_empty(5)};
        sink.request(1);
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(sink.items() == std::vector{5});
        CHECK_FALSE(sink.ended());
    }

    TEST_CASE("default_if_empty accepts move-only items") {
        virtual_executor ex;
        const auto items = ex.run(weir::empty<std::unique_ptr<int>>() |
                                  weir::default_if_empty(std::make_unique<int>(4)) | weir::to<std::vector>());
        REQUIRE(items.size() == 1);
        CHECK(*items.front() == 4);
    }

    TEST_CASE("default_if_empty agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 3, 0, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::default_if_empty(7)) ==
                  (numbers.empty() ? std::vector{7} : numbers));
        }
    }

    TEST_CASE("default_if_empty allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::default_if_empty(7) | weir::drain());
              }) == 0);
    }
}
