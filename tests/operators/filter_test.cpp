// SPDX-License-Identifier: MIT
#include <weir/operators/filter.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/flatten.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

constexpr auto odd = [](int x) { return x % 2 != 0; };

} // namespace

TEST_SUITE("operators/filter") {
    TEST_CASE("filter passes the items for which the predicate holds, at their times") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-[234]-4|") | weir::filter(odd)) == "-1-3--|");
        CHECK(m.play(m.cold<int>("-2-4|") | weir::filter(odd)) == "----|");
        CHECK(m.play(weir::empty<int>() | weir::filter(odd)) == "|");
    }

    TEST_CASE("filter: an error of upstream passes, and an exception from the predicate ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("1-2-#") | weir::filter(odd)) == "1---#");
        CHECK(m.play(m.cold<int>("1-2-3|") | weir::filter([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return true;
                     })) == "1-#");
    }

    TEST_CASE("filter keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::filter(odd); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::filter([](int) { return false; }); }) == "");
    }

    TEST_CASE("filter lets others run during a long run of rejected items") {
        virtual_executor ex;
        bool ran = false;
        ex.post([&] { ran = true; });
        bool ran_before_the_end = false;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::filter([&](int) {
                         ran_before_the_end |= ran;
                         return false;
                     }) |
                     weir::count()) == 0);
        CHECK(ran_before_the_end);
    }

    TEST_CASE("filter accepts move-only items") {
        virtual_executor ex;
        const auto kept =
            ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) |
                   weir::filter([](const std::unique_ptr<int>& p) { return *p == 2; }) | weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept[0] == 2);
    }

    TEST_CASE("map and filter pass streams and operations as any item") {
        virtual_executor ex;
        const auto every_second = [] { return weir::filter([n = 0](const auto&) mutable { return ++n % 2 == 0; }); };
        const auto first_numbers = [](int n) { return weir::iota(0, n); };
        CHECK(ex.run(weir::iota(1, 5) | weir::map(first_numbers) | every_second() | weir::flatten() |
                     weir::to<std::vector>()) == std::vector{0, 1, 0, 1, 2, 3});
        int started = 0;
        const auto later = [&](int n) -> weir::task<int> {
            ++started;
            co_await weir::yield();
            co_return n;
        };
        const auto itself = [](weir::task<int> one) { return one; };
        CHECK(ex.run(weir::iota(1, 5) | weir::map(later) | every_second() | weir::map(itself) |
                     weir::map_async(2, itself) | weir::to<std::vector>()) == std::vector{2, 4});
        CHECK(started == 2); // the others were never run
    }

    TEST_CASE("filter agrees with views::filter, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::filter(odd)) ==
                  (numbers | ranges::views::filter(odd) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("filter allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::filter(odd) | weir::drain());
              }) == 0);
    }
}
