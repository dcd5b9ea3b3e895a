// SPDX-License-Identifier: MIT
#include <weir/operators/map_concat.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/repeat_n.hpp>
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

/// n -> n items n
constexpr auto repeated = [](int n) { return std::vector<int>(static_cast<std::size_t>(n), n); };

} // namespace

TEST_SUITE("operators/map_concat") {
    TEST_CASE("map_concat emits the ranges one after the other") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-2-3|") | weir::map_concat(repeated)) == "-1-[22]-[333]|");
        CHECK(m.play(m.cold<int>("-0-[201]-0|") | weir::map_concat(repeated)) == "---[221]--|");
        CHECK(m.play(weir::empty<int>() | weir::map_concat(repeated)) == "|");
    }

    TEST_CASE("map_concat: an error follows the rest of the current range") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("#") | weir::map_concat(repeated)) == "#");
        CHECK(m.play(m.hot<int>("-[2#]") | weir::map_concat(repeated)) == "-[22#]");
    }

    TEST_CASE("map_concat: an exception from the function or from a range ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("1-2-3|") | weir::map_concat([](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return std::vector{x};
                     })) == "1-#");
        CHECK(m.play(m.cold<int>("1-2|") | weir::map_concat([](int x) {
                         return std::views::iota(x, 9) | std::views::transform([](int y) {
                                    if (y == 3) throw std::runtime_error{"three"};
                                    return y;
                                });
                     })) == "[12#]");
    }

    TEST_CASE("map_concat keeps the contract of a stream") {
        const auto one = [](weir::testing::tracked x) {
            std::vector<weir::testing::tracked> made;
            made.push_back(std::move(x));
            return made;
        };
        CHECK(weir::testing::check_contract([&] { return weir::map_concat(one); }) == "");
        CHECK(weir::testing::check_contract([] {
                  return weir::map_concat([](int x) { return std::vector<int>(static_cast<std::size_t>(x % 3)); });
              }) == "");
    }

    TEST_CASE("map_concat polls upstream at the end of the range, not before") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.push(2);
        source.push(2);
        weir::testing::probe_sink sink{ex, source.stream() | weir::map_concat(repeated)};
        sink.request(2);
        ex.run_ready();
        CHECK(source.taken() == 1);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 2);
    }

    TEST_CASE("map_concat: a range may be a view of the item, which lives as long") {
        virtual_executor ex;
        const auto words = ex.run(weir::just<std::string>("a bc", "short", "a sentence that does not fit in place") |
                                  weir::map_concat([](const std::string& line) {
                                      return line | std::views::split(' ') | std::views::transform([](auto word) {
                                                 return std::string(word.begin(), word.end());
                                             });
                                  }) |
                                  weir::to<std::vector>());
        CHECK(words == std::vector<std::string>{"a", "bc", "short", "a", "sentence", "that", "does", "not", "fit", "in",
                                                "place"});
    }

    TEST_CASE("map_concat copies the elements of a container that the function returns by reference") {
        struct box {
            std::vector<std::string> words;
        };
        virtual_executor ex;
        const auto inside =
            ex.run(weir::just(box{{"a", "b"}}, box{{"c"}}) |
                   weir::map_concat([](const box& b) -> const auto& { return b.words; }) | weir::to<std::vector>());
        CHECK(inside == std::vector<std::string>{"a", "b", "c"});
        CHECK(ex.run(weir::just(box{{"a", "b"}}) | weir::map_concat(&box::words) | weir::count()) == 2);

        std::vector<std::string> outside{"x", "y"};
        CHECK(ex.run(weir::iota(0, 2) | weir::map_concat([&](int) -> auto& { return outside; }) |
                     weir::to<std::vector>()) == std::vector<std::string>{"x", "y", "x", "y"});
        CHECK(outside == std::vector<std::string>{"x", "y"});
    }

    TEST_CASE("map_concat accepts move-only items") {
        using pointers = std::vector<std::unique_ptr<int>>;
        pointers some;
        some.push_back(std::make_unique<int>(1));
        some.push_back(std::make_unique<int>(2));
        virtual_executor ex;
        const auto all = ex.run(weir::just(std::move(some), pointers{}) |
                                weir::map_concat([](pointers p) { return p; }) | weir::to<std::vector>());
        REQUIRE(all.size() == 2);
        CHECK(*all[1] == 2);
    }

    TEST_CASE("map_concat lets others run during a long run of empty ranges") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::map_concat([](int) { return std::array<int, 0>{}; }) |
                     weir::count()) == 0);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("map_concat agrees with transform and join, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 3);
            const auto expected = numbers |
                                  ranges::views::transform([](int n) { return ranges::views::repeat_n(n, n); }) |
                                  ranges::views::join | ranges::to<std::vector>();
            CHECK(support::arrive_at_random(random, numbers, weir::map_concat(repeated)) == expected);
        }
    }

    TEST_CASE("map_concat allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map_concat([](int x) { return std::array{x, x}; }) | weir::drain());
              }) == 0);
    }
}
