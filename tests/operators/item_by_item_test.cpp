// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/elapsed.hpp>
#include <weir/operators/end_with.hpp>
#include <weir/operators/fail_after.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/intersperse.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/timestamp.hpp>
#include <weir/sink/contains.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace std::chrono_literals;
using weir::testing::check_contract;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// Emits x as often as x says.
constexpr auto as_often = [](int x, const auto& emit) {
    for (int i = 0; i != x; ++i) emit(x);
};
/// Emits pairs as numbers of two digits, and a last one without a partner.
auto in_pairs() {
    return weir::handle<int>(
        0,
        [](int& held, int x, const auto& emit) {
            if (held == 0) {
                held = x;
            } else {
                emit(std::exchange(held, 0) * 10 + x);
            }
        },
        [](int held, const auto& emit) {
            if (held != 0) emit(held);
        });
}

constexpr auto not_b = [](char c) -> weir::task<bool> {
    co_await weir::sleep_for(1ms);
    co_return c != 'b';
};

std::vector<int> with_separator(const std::vector<int>& numbers) {
    std::vector<int> result;
    for (const int x : numbers) {
        if (!result.empty()) result.push_back(0);
        result.push_back(x);
    }
    return result;
}

} // namespace

TEST_SUITE("operators/item_by_item") {
    TEST_CASE("fail_after fails at the item after the n-th, and not at an end or an error there") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-a-b-c|") | weir::fail_after(2)) == "-a-b-#");
        CHECK(m.play(m.cold("-a-b-|") | weir::fail_after(2)) == "-a-b-|");
        CHECK(m.play(m.cold("-a-#") | weir::fail_after(1)) == "-a-#");
        CHECK(m.play(m.cold("a|") | weir::fail_after(0)) == "#");
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0) | weir::fail_after(2) | weir::drain()),
                             "weir::fail_after: more than 2 items", weir::limit_exceeded);
        CHECK_THROWS_WITH_AS(weir::fail_after(-1), "weir::fail_after(n): n is negative", std::invalid_argument);
    }

    TEST_CASE("end_with adds values at the end, and none after an error") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-a-|") | weir::end_with('x', 'y')) == "-a-[xy|]");
        CHECK(m.play(weir::empty<char>() | weir::end_with('x')) == "[x|]");
        CHECK(m.play(m.cold("-a-#") | weir::end_with('x')) == "-a-#");
        virtual_executor ex;
        const auto items = ex.run(weir::just(std::make_unique<int>(1)) | weir::end_with(std::make_unique<int>(2)) |
                                  weir::to<std::vector>());
        CHECK(*items.at(1) == 2);
    }

    TEST_CASE("intersperse delivers the separator when the item after it has arrived") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-a-b--c|") | weir::intersperse(',')) == "-a-[,b]--[,c]|");
        CHECK(m.play(m.cold("-a|") | weir::intersperse(',')) == "-a|");
        CHECK(m.play(weir::empty<char>() | weir::intersperse(',')) == "|");
        CHECK(m.play(m.cold("-a-#") | weir::intersperse(',')) == "-a-#");
    }

    TEST_CASE("intersperse holds an item while only its separator was asked for") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {1, 2}) source.push(x);
        weir::testing::probe_sink sink{ex, source.stream() | weir::intersperse(0)};
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 0});
        CHECK(source.polls() == 2);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1, 0, 2});
        CHECK(source.polls() == 2);
    }

    TEST_CASE("timestamp and elapsed read the executor's clock") {
        virtual_executor ex;
        const auto start = ex.now();
        probe<int> source;
        using stamped = std::pair<weir::time_point, int>;
        weir::testing::probe_sink sink{ex, source.stream() | weir::elapsed() | weir::timestamp()};
        sink.request();
        ex.run_ready();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        ex.advance(5ms);
        source.push(2);
        source.push(3);
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        const auto check = [&](const auto& item, weir::duration at, weir::duration since, int x) {
            CHECK(item.first == start + at);
            CHECK(item.second == std::pair{since, x});
        };
        check(sink.items()[0], 2ms, 2ms, 1);
        check(sink.items()[1], 7ms, 5ms, 2);
        check(sink.items()[2], 7ms, 0ms, 3);
        CHECK(ex.run(weir::iota(1, 2) | weir::timestamp() | weir::to<std::vector>()) ==
              std::vector{stamped{ex.now(), 1}});
    }

    TEST_CASE("handle emits none, one or many items for each, and what is left at the end") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("-1-0-3|") | weir::handle<int>(as_often)) == "-1---[333]|");
        CHECK(m.play(m.cold<int>("-1-#") | weir::handle<int>(as_often)) == "-1-#");
        virtual_executor ex;
        CHECK(ex.run(weir::iota(1, 6) | in_pairs() | weir::to<std::vector>()) == std::vector{12, 34, 5});
        CHECK(ex.run(weir::iota(1, 5) | in_pairs() | weir::to<std::vector>()) == std::vector{12, 34});
        CHECK(ex.run(weir::empty<int>() | in_pairs() | weir::to<std::vector>()).empty());
        CHECK(m.play(m.cold<int>("-1-#") | in_pairs()) == "---#");
    }

    TEST_CASE("handle asks for an item when all it has emitted was taken, and fails with its functions") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {3, 1}) source.push(x);
        weir::testing::probe_sink sink{ex, source.stream() | weir::handle<int>(as_often)};
        sink.request(3);
        ex.run_ready();
        CHECK(sink.items() == std::vector{3, 3, 3});
        CHECK(source.polls() == 1);
        const auto throws = [](int x, const auto& emit) {
            emit(x);
            if (x == 2) throw std::runtime_error{"two"};
        };
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("-1-2-3|") | weir::handle<int>(throws)) == "-1-[2#]");
        const auto nothing = [](int, int, const auto&) {};
        const auto throws_at_end = [](int, const auto&) { throw std::runtime_error{"end"}; };
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 2) | weir::handle<int>(0, nothing, throws_at_end) | weir::drain()),
                          "end");
    }

    TEST_CASE("filter_async keeps the order of the items while predicates run beside each other") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("abc-|") | weir::filter_async(3, not_b)) == "-a-c|");
        CHECK(m.play(m.hot("a-#") | weir::filter_async(3, not_b)) == "-a#");
        virtual_executor ex;
        const auto slow = [](const std::unique_ptr<int>& x) -> weir::task<bool> {
            co_await weir::sleep_for((5 - *x) * 1ms);
            co_return *x % 2 == 0;
        };
        const auto kept =
            ex.run(weir::iota(1, 5) | weir::map([](int x) { return std::make_unique<int>(x); }) |
                   weir::filter_async(4, slow) | weir::map([](auto x) { return *x; }) | weir::to<std::vector>());
        CHECK(kept == std::vector{2, 4});
        CHECK(ex.elapsed() == 4ms);
        const auto throws = [](int) -> weir::task<bool> {
            co_await weir::yield();
            throw std::runtime_error{"predicate"};
        };
        CHECK_THROWS_WITH(ex.run(weir::just(1) | weir::filter_async(1, throws) | weir::drain()), "predicate");
        CHECK_THROWS_WITH_AS(weir::filter_async(0, throws), "weir::filter_async(n, pred): n must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("operators on one item after the other keep the contract of a stream") {
        CHECK(check_contract([] { return weir::fail_after(100); }) == "");
        CHECK(check_contract([] { return weir::end_with(7); }, {.ends_with_upstream = false}) == "");
        CHECK(check_contract([] { return weir::intersperse(7); }, {.copies = 100}) == "");
        CHECK(check_contract([] { return weir::timestamp(); }) == "");
        CHECK(check_contract([] { return weir::elapsed(); }) == "");
        CHECK(check_contract([] { return weir::handle<int>([](int x, const auto& emit) { emit(x); }); }) == "");
        CHECK(check_contract([] { return in_pairs(); }, {.prefetch = 100, .ends_with_upstream = false}) == "");
        const auto all = [](const auto&) -> weir::task<bool> { co_return true; };
        CHECK(check_contract([&] { return weir::filter_async(2, all); }, {.prefetch = 2}) == "");
    }

    TEST_CASE("operators on one item after the other agree with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 1, 4);
            CHECK(support::arrive_at_random(random, numbers, weir::fail_after(6)) == numbers);
            auto ended = numbers;
            ended.insert(ended.end(), {7, 8});
            CHECK(support::arrive_at_random(random, numbers, weir::end_with(7, 8)) == ended);
            CHECK(support::arrive_at_random(random, numbers, weir::intersperse(0)) == with_separator(numbers));
            std::vector<int> often;
            for (const int x : numbers) often.insert(often.end(), static_cast<std::size_t>(x), x);
            CHECK(support::arrive_at_random(random, numbers, weir::handle<int>(as_often)) == often);
        }
    }

    TEST_CASE("operators on one item after the other allocate nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto all = [](int x) { return weir::just(x) | weir::contains(x); };
                  ex.run(weir::iota(0, n) | weir::fail_after(n) | weir::end_with(1) | weir::intersperse(0) |
                         weir::elapsed() | weir::timestamp() |
                         weir::handle<int>([](const auto&, const auto& emit) { emit(1); }) |
                         weir::filter_async(2, all) | weir::drain());
              }) == 0);
    }
}
