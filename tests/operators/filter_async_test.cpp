// SPDX-License-Identifier: MIT
#include <weir/operators/filter_async.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/contains.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

namespace {

constexpr auto not_b = [](char c) -> weir::task<bool> {
    co_await weir::sleep_for(1ms);
    co_return c != 'b';
};

} // namespace

TEST_SUITE("operators/filter_async") {
    TEST_CASE("filter_async keeps the order of the items while predicates run beside each other") {
        marbles m;
        CHECK(m.play(m.hot("abc-|") | weir::filter_async(3, not_b)) == "-a-c|");
        CHECK(m.play(m.hot("a-#") | weir::filter_async(3, not_b)) == "-a#");
        CHECK(m.play(m.hot("|") | weir::filter_async(3, not_b)) == "|");
        CHECK(m.play(m.hot("b|") | weir::filter_async(3, not_b)) == "-|");
        CHECK(m.play(m.hot("abc-|") | weir::filter_async(3, not_b) | weir::take(1)) == "-[a|]");
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

    TEST_CASE("filter_async destroys predicates that run with its consumer") {
        virtual_executor ex;
        probe<char> source;
        for (const char c : {'a', 'b', 'c'}) source.push(c);
        probe_sink sink{ex, source.stream() | weir::filter_async(2, not_b)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(ex.stats().timers_armed == 2);
        sink.drop();
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("filter_async keeps the contract of a stream") {
        const auto all = [](const auto&) -> weir::task<bool> { co_return true; };
        CHECK(check_contract([&] { return weir::filter_async(2, all); }, {.prefetch = 2}) == "");
    }

    TEST_CASE("filter_async agrees with a vector, whenever items arrive") {
        const auto odd = [](int x) { return weir::just(1, 3) | weir::contains(x); };
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 1, 4);
            auto kept = numbers;
            std::erase_if(kept, [](int x) { return x % 2 == 0; });
            CHECK(support::arrive_at_random(random, numbers, weir::filter_async(2, odd)) == kept);
        }
    }

    TEST_CASE("filter_async allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto all = [](int x) { return weir::just(x) | weir::contains(x); };
                  ex.run(weir::iota(0, n) | weir::filter_async(2, all) | weir::drain());
              }) == 0);
    }
}
