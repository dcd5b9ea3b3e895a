// SPDX-License-Identifier: MIT
#include <weir/operators/start_with.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/concat.hpp>

#include <weir/async_stream.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/start_with") {
    TEST_CASE("start_with emits the values before the items") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b|") | weir::start_with('x', 'y')) == "[xy]a-b|");
        CHECK(m.play(weir::empty<char>() | weir::start_with('x')) == "[x|]");
    }

    TEST_CASE("start_with: an error follows the values") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("#") | weir::start_with('x')) == "[x#]");
        CHECK(m.play(m.cold("-a-#") | weir::start_with('x')) == "xa-#");
    }

    TEST_CASE("start_with behind a boxed stream can be boxed") {
        virtual_executor ex;
        weir::async_stream<int> boxed = weir::just(2, 3);
        boxed = std::move(boxed) | weir::start_with(1);
        CHECK(ex.run(std::move(boxed) | weir::to<std::vector>()) == std::vector{1, 2, 3});
    }

    TEST_CASE("start_with keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::start_with(7); }) == "");
    }

    TEST_CASE("start_with does not poll upstream before it has emitted the values") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{ex, source.stream() | weir::start_with(1, 2)};
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 2});
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.polls() == 1);
    }

    TEST_CASE("start_with: values take the item type of the stream") {
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("c") | weir::start_with("a", std::string{"b"}) |
                     weir::to<std::vector>()) == std::vector<std::string>{"a", "b", "c"});
    }

    TEST_CASE("start_with accepts move-only values") {
        virtual_executor ex;
        const auto all = ex.run(weir::just(std::make_unique<int>(2)) | weir::start_with(std::make_unique<int>(1)) |
                                weir::to<std::vector>());
        REQUIRE(all.size() == 2);
        CHECK(*all[0] == 1);
    }

    TEST_CASE("start_with: one operator can serve several streams") {
        virtual_executor ex;
        const auto header = weir::start_with(std::string{"head, too long to be kept in place by any string"});
        for (int i = 0; i != 2; ++i) {
            CHECK(ex.run(weir::just<std::string>("a") | header | weir::to<std::vector>()).front().substr(0, 5) ==
                  "head,");
        }
    }

    TEST_CASE("start_with agrees with a concatenation, whenever items arrive") {
        std::mt19937 random{1};
        const std::vector first{7, 8};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::start_with(7, 8)) ==
                  (ranges::views::concat(first, numbers) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("start_with takes the elements of a range, of a type that converts to that of the items") {
        weir::testing::marbles m;
        const std::vector<char> xy{'x', 'y'};
        CHECK(m.play(m.hot("-a-b|") | weir::start_with(xy)) == "[xy]a-b|");
        CHECK(m.play(m.cold("-a-#") | weir::start_with(xy)) == "[xy]a-#");
        CHECK(m.play(m.hot("-a-b|") | weir::start_with(std::vector<char>{})) == "-a-b|");
        CHECK(m.play(weir::empty<char>() | weir::start_with(std::views::single('x'))) == "[x|]");
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("c") | weir::start_with(std::vector{"a", "b"}) |
                     weir::to<std::vector>()) == std::vector<std::string>{"a", "b", "c"});
        std::vector<std::unique_ptr<int>> owned;
        owned.push_back(std::make_unique<int>(1));
        const auto all =
            ex.run(weir::just(std::make_unique<int>(2)) | weir::start_with(std::move(owned)) | weir::to<std::vector>());
        REQUIRE(all.size() == 2);
        CHECK(*all[0] == 1);
        CHECK(ex.run(weir::just(std::vector{3}) | weir::start_with(std::vector{1, 2}) | weir::to<std::vector>()) ==
              std::vector<std::vector<int>>{{1, 2}, {3}}); // a range that is an item is one value
    }

    TEST_CASE("start_with computes no element of a range, and does not ask upstream, before it is asked for") {
        virtual_executor ex;
        int computed = 0;
        const auto counted = [&](int x) {
            ++computed;
            return x;
        };
        weir::testing::probe<int> source;
        weir::testing::probe_sink sink{
            ex, source.stream() | weir::start_with(std::views::iota(0, 5) | std::views::transform(counted))};
        ex.run_ready();
        CHECK(computed == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(computed == 2);
        CHECK(source.polls() == 0);
        sink.request(4);
        ex.run_ready();
        CHECK(sink.items() == std::vector{0, 1, 2, 3, 4});
        CHECK(source.polls() == 1);
        const auto fails = [](int x) { return x == 1 ? throw std::runtime_error{"element"} : x; };
        CHECK_THROWS_WITH(ex.run(weir::just(9) |
                                 weir::start_with(std::views::iota(0, 5) | std::views::transform(fails)) |
                                 weir::drain()),
                          "element");
        CHECK(weir::testing::check_contract([] { return weir::start_with(std::vector{7, 8}); }) == "");
    }

    TEST_CASE("start_with allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::start_with(1) | weir::drain());
              }) == 0);
    }
}
