// SPDX-License-Identifier: MIT
#include <weir/source/repeat_when.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <in_turn.hpp>

#include <weir/core/closure.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::in_turn;
using support::times;

TEST_SUITE("source/repeat_when") {
    TEST_CASE("repeat_when awaits an operation after the end, and makes the next stream") {
        marbles m;
        CHECK(m.play(weir::repeat_when(in_turn(m, {"a-|", "b|"}), times(1, m.ticks(2)))) == "a---b--|");
        CHECK(m.play(weir::repeat_when(in_turn(m, {"a-#"}), times(1, m.ticks(2)))) == "a-#");
        virtual_executor ex;
        const auto numbers = [] { return weir::iota(0, 2); };
        CHECK(ex.run(weir::repeat_when(numbers, [] { return weir::yield(); }) | weir::take(5) |
                     weir::to<std::vector>()) == std::vector{0, 1, 0, 1, 0});
        const auto fails = []() -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"operation"};
        };
        CHECK_THROWS_WITH(ex.run(weir::repeat_when(numbers, fails) | weir::drain()), "operation");
        const auto throws = []() -> decltype(weir::empty<int>()) { throw std::runtime_error{"factory"}; };
        CHECK_THROWS_WITH(ex.run(weir::repeat_when(throws, times(1, 1ms)) | weir::drain()), "factory");
    }

    TEST_CASE("repeat_when passes an error of the consumer, and asks nothing about it") {
        virtual_executor ex;
        int asked = 0;
        const auto ask = [&]() -> weir::task<bool> {
            ++asked;
            co_await weir::yield();
            co_return false;
        };
        const auto consume = [](int x) {
            if (x == 1) throw std::runtime_error{"consumer"};
        };
        CHECK_THROWS_WITH(ex.run(weir::repeat_when([] { return weir::iota(0, 2); }, ask) | weir::for_each(consume)),
                          "consumer");
        CHECK(asked == 0);
    }

    TEST_CASE("repeat_when plays random streams up to the first that fails") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto diagrams = support::random_diagrams(random);
            marbles m;
            const auto again = times(static_cast<int>(diagrams.size()) - 1, m.ticks(2));
            CHECK(m.play(weir::repeat_when(in_turn(m, diagrams), again)) == support::played_in_turn(diagrams, '|'));
        }
    }

    TEST_CASE("repeat_when destroys its stream when it is dropped, and ends its wait") {
        support::check_dropped_in_turn(
            [](auto factory) { return weir::repeat_when(std::move(factory), times(1, 1ms)); });
        virtual_executor ex;
        probe_sink sink{ex, weir::repeat_when([] { return weir::empty<int>(); }, times(1, 1h))};
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("repeat_when lets others run while streams end without an item") {
        const auto ready = [](const auto&...) { return weir::iota(0, 1) | weir::drain(); };
        support::check_lets_others_run(weir::repeat_when([] { return weir::empty<int>(); }, ready));
    }

    TEST_CASE("repeat_when keeps the contract of a stream while its stream is the first") {
        const auto once = [] {
            return weir::closure{
                [](auto up) { return weir::repeat_when(support::makes_one(std::move(up)), times(0, 0ms)); }};
        };
        CHECK(check_contract(once) == "");
    }

    TEST_CASE("repeat_when allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::repeat_when([n] { return weir::iota(0, n); }, times(0, 1ms)) | weir::drain());
              }) == 0);
    }
}
