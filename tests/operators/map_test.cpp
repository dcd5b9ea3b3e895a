// SPDX-License-Identifier: MIT
#include <weir/operators/map.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/map") {
    TEST_CASE("map replaces each item by the function's result, at the time of the item") {
        weir::testing::marbles m;
        const auto twice = [](int x) { return x * 2; };
        CHECK(m.play(m.hot<int>("-1-[23]-4|") | weir::map(twice)) == "-2-[46]-8|");
        CHECK(m.play(weir::empty<int>() | weir::map(twice)) == "|");
        CHECK(m.play(m.hot<int>("-1-...") | weir::map(twice)) == "-2...");
    }

    TEST_CASE("map: an error of upstream passes") {
        weir::testing::marbles m;
        const auto twice = [](int x) { return x * 2; };
        CHECK(m.play(m.hot<int>("#") | weir::map(twice)) == "#");
        CHECK(m.play(m.cold<int>("-1-#") | weir::map(twice)) == "-2-#");
    }

    TEST_CASE("map keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::map([](weir::testing::tracked x) { return x; }); }) ==
              "");
    }

    TEST_CASE("map: an exception at the second item arrives after the first item, and the third is never pulled") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (int i = 1; i != 4; ++i) source.push(i);
        source.end();
        weir::testing::probe_sink sink{ex, source.stream() | weir::map([](int x) {
                                               if (x == 2) throw std::runtime_error{"two"};
                                               return x;
                                           })};
        sink.request();
        ex.run_until_idle();
        CHECK(sink.items() == std::vector{1});
        CHECK(sink.error_message() == "two");
        CHECK(source.taken() == 2);
    }

    TEST_CASE("map accepts move-only items") {
        virtual_executor ex;
        const auto values = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) |
                                   weir::map([](std::unique_ptr<int> p) { return *p; }) | weir::to<std::vector>());
        CHECK(values == std::vector{1, 2});
    }

    TEST_CASE("map accepts a pointer to a member as its function, and turns references into objects") {
        struct person {
            std::string name;
        };
        auto names = weir::just(person{"a"}, person{"b"}) | weir::map(&person::name);
        static_assert(std::is_same_v<decltype(names)::value_type, std::string>);
        virtual_executor ex;
        CHECK(ex.run(std::move(names) | weir::to<std::vector>()) == std::vector<std::string>{"a", "b"});
    }

    TEST_CASE("map agrees with transform, whenever items arrive") {
        std::mt19937 random{1};
        const auto f = [](int x) { return x * 3L - 1; };
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::map(f)) ==
                  (numbers | ranges::views::transform(f) | ranges::to<std::vector<long>>()));
        }
    }

    TEST_CASE("map allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map([](int x) { return x + 1; }) | weir::drain());
              }) == 0);
    }
}
