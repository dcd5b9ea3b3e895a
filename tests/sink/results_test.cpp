// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/sink/average.hpp>
#include <weir/sink/contains.hpp>
#include <weir/sink/for_each_concurrent.hpp>
#include <weir/sink/join.hpp>
#include <weir/sink/minmax.hpp>
#include <weir/sink/sequence_equal.hpp>
#include <weir/sink/single.hpp>
#include <weir/sink/sum.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// The number of polls of a source of 1, 3, 5 and the end until a sink has its result. Upstream must be gone then.
template <class Sink>
std::size_t polls_until_result(Sink sink) {
    virtual_executor ex;
    probe<int> source;
    for (const int x : {1, 3, 5}) source.push(x);
    source.end();
    ex.run(source.stream() | std::move(sink));
    CHECK(source.dropped());
    return source.polls();
}

/// A text for the error of a sink over a failing upstream.
template <class Sink>
std::string upstream_error(Sink sink) {
    virtual_executor ex;
    try {
        ex.run(weir::fail<int>(std::runtime_error{"up"}) | std::move(sink));
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "none";
}

constexpr auto fails = [](int, int) -> bool { throw std::runtime_error{"callable"}; };

} // namespace

TEST_SUITE("sink/results") {
    TEST_CASE("a sink reads as far as its result needs") {
        CHECK(polls_until_result(weir::contains(3)) == 2);
        CHECK(polls_until_result(weir::contains(4)) == 4);
        CHECK(polls_until_result(weir::sum()) == 4);
        CHECK(polls_until_result(weir::average()) == 4);
        CHECK(polls_until_result(weir::minmax()) == 4);
    }

    TEST_CASE("a sink fails with its upstream") {
        CHECK(upstream_error(weir::contains(3)) == "up");
        CHECK(upstream_error(weir::single()) == "up");
        CHECK(upstream_error(weir::sum()) == "up");
        CHECK(upstream_error(weir::average()) == "up");
        CHECK(upstream_error(weir::minmax()) == "up");
        CHECK(upstream_error(weir::for_each_concurrent(1, [](int) { return weir::sleep_for(1ms); })) == "up");
    }

    TEST_CASE("a sink allocates nothing per item") {
        const auto allocates = [](auto sink) {
            return support::allocations_for_more_items([&](int n) {
                virtual_executor ex;
                ex.run(weir::iota(0, n) | sink);
            });
        };
        CHECK(allocates(weir::contains(-1)) == 0);
        CHECK(allocates(weir::sum()) == 0);
        CHECK(allocates(weir::average()) == 0);
        CHECK(allocates(weir::minmax()) == 0);
        CHECK(allocates(weir::for_each_concurrent(2, [](int) { return weir::yield(); })) == 0);
    }

    TEST_CASE("sinks agree with the algorithms of the standard library") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -3, 3);
            const auto run = [&](auto sink) { return ex.run(weir::from_range(numbers) | std::move(sink)); };
            CHECK(run(weir::contains(2)) == (std::ranges::count(numbers, 2) != 0));
            const int sum = std::accumulate(numbers.begin(), numbers.end(), 0);
            CHECK(run(weir::sum()) == sum);
            CHECK(run(weir::minmax()).has_value() == !numbers.empty());
            const auto others = support::random_numbers(random, 3, -1, 1);
            CHECK(ex.run(weir::sequence_equal(weir::from_range(numbers), weir::from_range(others))) ==
                  (numbers == others));
            CHECK(ex.run(weir::sequence_equal(weir::from_range(numbers), weir::from_range(numbers))));
            if (numbers.empty()) continue;
            CHECK(*run(weir::average()) == doctest::Approx(sum / static_cast<double>(numbers.size())));
            const auto [least, greatest] = std::ranges::minmax(numbers);
            CHECK(*run(weir::minmax()) == std::pair{least, greatest});
        }
    }

    TEST_CASE("sinks have a result for a stream without items") {
        virtual_executor ex;
        CHECK_FALSE(ex.run(weir::empty<int>() | weir::contains(0)));
        CHECK(ex.run(weir::empty<double>() | weir::sum()) == 0.0);
        CHECK(ex.run(weir::empty<int>() | weir::average()) == std::nullopt);
        CHECK(ex.run(weir::empty<int>() | weir::minmax()) == std::nullopt);
        CHECK(ex.run(weir::empty<std::string>() | weir::join(", ")).empty());
        CHECK(ex.run(weir::sequence_equal(weir::empty<int>(), weir::empty<int>())));
    }

    TEST_CASE("contains compares items with a value of another type") {
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("a", "b") | weir::contains("b")));
    }

    TEST_CASE("single returns the only item, and only after the end") {
        virtual_executor ex;
        probe<int> source;
        auto result = ex.spawn(source.stream() | weir::single());
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.end();
        CHECK(ex.run(std::move(result)) == 3);
        CHECK(*ex.run(weir::just(std::make_unique<int>(1)) | weir::single()) == 1);
    }

    TEST_CASE("single fails for no item and at the second item, which drops upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::empty<int>() | weir::single()), "weir::single: the stream has no item",
                             weir::not_single);
        probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        CHECK_THROWS_WITH_AS(ex.run(source.stream() | weir::single()),
                             "weir::single: the stream has more than one item", weir::not_single);
        CHECK(source.polls() == 2);
        CHECK(source.dropped());
    }

    TEST_CASE("sum adds items of any type with a plus") {
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("a", "b", "c") | weir::sum()) == "abc");
        CHECK(ex.run(weir::just(weir::duration{1ms}, weir::duration{2s}) | weir::sum()) == 2001ms);
    }

    TEST_CASE("minmax returns the first of equal items, and fails with its comparison") {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        const auto found = ex.run(weir::just<std::string>("bb", "a", "c", "dd") | weir::minmax(shorter));
        CHECK(*found == std::pair<std::string, std::string>{"a", "bb"});
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::minmax(fails)), "callable");
    }

    TEST_CASE("join puts a separator between items, empty ones included") {
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("a", "", "c") | weir::join(", ")) == "a, , c");
        CHECK(ex.run(weir::just<std::string_view>("", "b") | weir::join("-")) == "-b");
        CHECK(ex.run(weir::just('a', 'b') | weir::join()) == "ab");
    }

    TEST_CASE("sequence_equal is decided by the first difference, and drops both streams") {
        const auto decided_after = [](std::vector<int> left, std::vector<int> right) {
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            for (const int x : left) a.push(x);
            for (const int x : right) b.push(x);
            a.end();
            const auto result = ex.spawn(weir::sequence_equal(a.stream(), b.stream()));
            ex.run_ready();
            CHECK(result.finished());
            CHECK(a.dropped());
            CHECK(b.dropped());
            return b.polls();
        };
        CHECK(decided_after({1, 2, 3}, {1, 5, 3, 4}) == 2);
        CHECK(decided_after({1}, {1, 2}) == 2);
    }

    TEST_CASE("sequence_equal waits for both streams at the same time") {
        virtual_executor ex;
        CHECK(ex.run(weir::sequence_equal(weir::just(1, 2), weir::just(1.0, 2.0))));
        const auto tenths = [](double a, int b) { return static_cast<int>(a * 10) == b; };
        CHECK(ex.run(weir::sequence_equal(weir::just(0.12), weir::just(1), tenths)));
        CHECK_THROWS_WITH(ex.run(weir::sequence_equal(weir::just(1), weir::just(1), fails)), "callable");
        CHECK_THROWS_WITH(ex.run(weir::sequence_equal(weir::just(1, 2), weir::fail<int>(std::runtime_error{"right"}))),
                          "right");
    }

    TEST_CASE("for_each_concurrent runs n operations at a time, and asks for another item when one has ended") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {3, 1, 1, 1}) source.push(x);
        source.end();
        std::vector<int> ended;
        const auto wait = [&](int x) -> weir::task<> {
            co_await weir::sleep_for(x * 1ms);
            ended.push_back(x);
        };
        auto result = ex.spawn(source.stream() | weir::for_each_concurrent(2, wait));
        ex.run_ready();
        CHECK(source.polls() == 2);
        ex.advance(1ms);
        CHECK(source.polls() == 3);
        ex.run(std::move(result));
        CHECK(ended.size() == 4);
        CHECK(ex.elapsed() == 3ms);
    }

    TEST_CASE("for_each_concurrent fails with an operation, and destroys the others") {
        virtual_executor ex;
        int alive = 0;
        const auto run = [&](int x) -> weir::task<> {
            const auto count = std::shared_ptr<int>{&++alive, [](int* n) { --*n; }};
            co_await weir::sleep_for(x * 1ms);
            if (x == 1) throw std::runtime_error{"one"};
        };
        CHECK_THROWS_WITH(ex.run(weir::just(9, 1, 9) | weir::for_each_concurrent(3, run)), "one");
        CHECK(alive == 0);
        CHECK(ex.elapsed() == 1ms);
        CHECK_THROWS_WITH_AS(weir::for_each_concurrent(0, run), "weir::for_each_concurrent(n, f): n must be at least 1",
                             std::invalid_argument);
    }
}
