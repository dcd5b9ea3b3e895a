// SPDX-License-Identifier: MIT
#include <weir/operators/filter_map.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/transform.hpp>

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

/// 1 -> b, 3 -> d, even ones nothing.
constexpr auto letter_of_odd = [](int x) -> std::optional<char> {
    if (x % 2 == 0) return std::nullopt;
    return static_cast<char>('a' + x);
};

} // namespace

TEST_SUITE("operators/filter_map") {
    TEST_CASE("filter_map replaces an item by the function's result, or leaves it out if there is none") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-[234]-5|") | weir::filter_map(letter_of_odd)) == "-b-d-f|");
        CHECK(m.play(m.cold<int>("-2-4|") | weir::filter_map(letter_of_odd)) == "----|");
        CHECK(m.play(weir::empty<int>() | weir::filter_map(letter_of_odd)) == "|");
    }

    TEST_CASE("filter_map: an error of upstream passes, and an exception from the function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("#") | weir::filter_map(letter_of_odd)) == "#");
        CHECK(m.play(m.hot<int>("1-2-#") | weir::filter_map(letter_of_odd)) == "b---#");
        CHECK(m.play(m.cold<int>("1-2-3|") | weir::filter_map([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return std::optional{x};
                     })) == "1-#");
    }

    TEST_CASE("filter_map keeps the contract of a stream") {
        const auto keep_odd = [](weir::testing::tracked x) {
            return x % 2 == 0 ? std::nullopt : std::optional<weir::testing::tracked>{std::move(x)};
        };
        CHECK(weir::testing::check_contract([&] { return weir::filter_map(keep_odd); }) == "");
    }

    TEST_CASE("filter_map lets others run during a long run of rejected items") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::filter_map([](int) { return std::optional<int>{}; }) |
                     weir::count()) == 0);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("filter_map: a function may return a reference to an optional, which stays unchanged") {
        std::optional<std::string> kept{"kept"};
        virtual_executor ex;
        const auto words =
            ex.run(weir::iota(0, 2) | weir::filter_map([&](int) -> std::optional<std::string>& { return kept; }) |
                   weir::to<std::vector>());
        CHECK(words == std::vector<std::string>{"kept", "kept"});
        CHECK(kept == "kept");
    }

    TEST_CASE("filter_map accepts move-only items") {
        virtual_executor ex;
        const auto kept = ex.run(
            weir::just(std::make_unique<int>(1), std::unique_ptr<int>{}) |
            weir::filter_map([](std::unique_ptr<int> p) { return p ? std::optional{std::move(p)} : std::nullopt; }) |
            weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept[0] == 1);
    }

    TEST_CASE("filter_map agrees with transform and filter, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 9);
            const auto expected = numbers | ranges::views::transform(letter_of_odd) |
                                  ranges::views::filter([](const auto& made) { return made.has_value(); }) |
                                  ranges::views::transform([](const auto& made) { return *made; }) |
                                  ranges::to<std::vector<char>>();
            CHECK(support::arrive_at_random(random, numbers, weir::filter_map(letter_of_odd)) == expected);
        }
    }

    TEST_CASE("filter_map allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::filter_map(letter_of_odd) | weir::drain());
              }) == 0);
    }
}
