// SPDX-License-Identifier: MIT
#include <weir/sink/to.hpp>

#include <doctest/doctest.h>

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arrivals.hpp>

#include <weir/operators/enumerate.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/to") {
    TEST_CASE("to accepts a complete container type") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::to<std::vector<int>>()) == std::vector{0, 1, 2});
        CHECK(ex.run(weir::iota(0, 3) | weir::to<std::vector<long>>()) == std::vector{0L, 1L, 2L});
        CHECK(ex.run(weir::just('a', 'b') | weir::to<std::string>()) == "ab");
        CHECK(ex.run(weir::just("a", "b") | weir::to<std::vector<std::string>>()) ==
              std::vector<std::string>{"a", "b"});
        CHECK(ex.run(weir::just(2, 1, 2) | weir::to<std::multiset<int>>()) == std::multiset<int>{1, 2, 2});
        CHECK(ex.run(weir::empty<int>() | weir::to<std::vector<int>>()).empty());
    }

    TEST_CASE("to accepts a container template") {
        virtual_executor ex;
        const auto words = [] { return weir::just<std::string>("b", "a"); };
        CHECK(ex.run(words() | weir::to<std::vector>()) == std::vector<std::string>{"b", "a"});
        CHECK(ex.run(words() | weir::to<std::deque>()) == std::deque<std::string>{"b", "a"});
        CHECK(ex.run(words() | weir::to<std::list>()) == std::list<std::string>{"b", "a"});
        CHECK(ex.run(words() | weir::to<std::set>()) == std::set<std::string>{"a", "b"});
        CHECK(ex.run(weir::just('a', 'b') | weir::to<std::basic_string>()) == "ab");
    }

    TEST_CASE("to builds maps of pairs and keeps the first of equal keys") {
        virtual_executor ex;
        const auto pairs = [] { return weir::just(std::pair{1, 'a'}, std::pair{2, 'b'}, std::pair{1, 'c'}); };
        const std::map<int, char> expected{{1, 'a'}, {2, 'b'}};
        CHECK(ex.run(pairs() | weir::to<std::map<int, char>>()) == expected);
        CHECK(ex.run(pairs() | weir::to<std::map>()) == expected);
        CHECK(ex.run(pairs() | weir::to<std::multimap>()).size() == 3);
        CHECK(ex.run(weir::just('x', 'y') | weir::enumerate() | weir::to<std::unordered_map>()).at(1) == 'y');
        CHECK(ex.run(pairs() | weir::to<std::vector>()).size() == 3);
    }

    TEST_CASE("to accepts a container with push_back only") {
        virtual_executor ex;
        auto queue = ex.run(weir::just(2, 3, 1) | weir::to<std::priority_queue<int>>());
        CHECK(queue.top() == 3);
        CHECK(queue.size() == 3);
    }

    TEST_CASE("to moves items and does not copy them") {
        virtual_executor ex;
        const auto pointers =
            ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::to<std::vector>());
        CHECK(*pointers[1] == 2);
        const auto by_key = ex.run(weir::just(std::make_unique<int>(1)) | weir::enumerate() | weir::to<std::map>());
        CHECK(*by_key.at(0) == 1);
        weir::testing::tracked::copies = 0;
        CHECK(ex.run(weir::iota(0, 9) | weir::map([](int x) { return weir::testing::tracked{x}; }) |
                     weir::to<std::list>())
                  .size() == 9);
        CHECK(weir::testing::tracked::copies == 0);
    }

    TEST_CASE("to fails with its upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::to<std::vector>()), "up");
    }

    TEST_CASE("to collects exactly the items of the stream") {
        std::mt19937 random{2};
        virtual_executor ex;
        for (int i = 0; i != 100; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(ex.run(weir::from_range(numbers) | weir::to<std::vector>()) == numbers);
            CHECK(ex.run(weir::from_range(numbers) | weir::to<std::set>()) ==
                  std::set<int>(numbers.begin(), numbers.end()));
        }
    }
}
