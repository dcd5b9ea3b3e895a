// SPDX-License-Identifier: MIT
#include <weir/resilience/retry_when.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include <allocations.hpp>
#include <in_turn.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::in_turn;
using support::times;

TEST_SUITE("resilience/retry_when") {
    TEST_CASE("retry_when awaits an operation after an error, and makes the next stream") {
        marbles m;
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-#", "b|"}), times(9, m.ticks(2)))) == "a---b|");
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-#", "-#"}), times(1, m.ticks(1)))) == "a----#");
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-|"}), times(9, m.ticks(1)))) == "a-|");
        const auto wait = [&](std::exception_ptr) { return weir::sleep_for(m.ticks(1)); };
        CHECK(m.play(weir::retry_when(in_turn(m, {"#", "#", "a|"}), wait)) == "--a|");
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-#", "b|"}), wait) | weir::take(2)) == "a--[b|]");
    }

    TEST_CASE("retry_when hands on the error when it gives up, and that of its operation and function") {
        virtual_executor ex;
        const auto up = [] { return weir::fail<int>(std::runtime_error{"up"}); };
        CHECK_THROWS_WITH(ex.run(weir::retry_when(up, times(2, 1ms)) | weir::drain()), "up");
        CHECK(ex.elapsed() == 3ms);
        const auto operation = [](std::exception_ptr) -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"operation"};
        };
        CHECK_THROWS_WITH(ex.run(weir::retry_when(up, operation) | weir::drain()), "operation");
        const auto function = [](std::exception_ptr) -> weir::task<> { throw std::runtime_error{"function"}; };
        CHECK_THROWS_WITH(ex.run(weir::retry_when(up, function) | weir::drain()), "function");
        const auto factory = []() -> decltype(weir::empty<int>()) { throw std::runtime_error{"factory"}; };
        CHECK_THROWS_WITH(ex.run(weir::retry_when(factory, times(1, 1ms)) | weir::drain()), "factory");
    }

    TEST_CASE("retry_when passes an error of the consumer, and asks nothing about it") {
        virtual_executor ex;
        int asked = 0;
        const auto ask = [&](std::exception_ptr) -> weir::task<bool> {
            ++asked;
            co_await weir::yield();
            co_return false;
        };
        const auto consume = [](int x) {
            if (x == 1) throw std::runtime_error{"consumer"};
        };
        CHECK_THROWS_WITH(ex.run(weir::retry_when([] { return weir::iota(0, 2); }, ask) | weir::for_each(consume)),
                          "consumer");
        CHECK(asked == 0);
    }

    TEST_CASE("retry_when plays random streams up to the first that ends") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto diagrams = support::random_diagrams(random);
            marbles m;
            const auto again = times(static_cast<int>(diagrams.size()) - 1, m.ticks(2));
            CHECK(m.play(weir::retry_when(in_turn(m, diagrams), again)) == support::played_in_turn(diagrams, '#'));
        }
    }

    TEST_CASE("retry_when destroys its stream when it is dropped") {
        support::check_dropped_in_turn(
            [](auto factory) { return weir::retry_when(std::move(factory), times(1, 1ms)); });
    }

    TEST_CASE("retry_when makes no stream when the end of an error has dropped what runs") {
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<int>>> sink;
        std::exception_ptr error =
            std::make_exception_ptr(std::shared_ptr<void>{nullptr, [&](void*) { sink.reset(); }});
        int made = 0;
        const auto factory = [&] {
            ++made;
            return weir::fail<int>(std::exchange(error, nullptr));
        };
        const auto again = [](const std::exception_ptr&) { return weir::yield(); };
        sink.emplace(ex, weir::async_stream<int>{weir::retry_when(factory, again)});
        sink->request();
        ex.run_ready();
        CHECK_FALSE(sink);
        CHECK(made == 1);
    }

    TEST_CASE("retry_when lets others run while streams fail without an item") {
        const auto ready = [](const auto&...) { return weir::iota(0, 1) | weir::drain(); };
        support::check_lets_others_run(
            weir::retry_when([] { return weir::fail<int>(std::runtime_error{"up"}); }, ready));
    }

    TEST_CASE("retry_when keeps the contract of a stream while its stream is the first") {
        const auto once = [] {
            return weir::closure{
                [](auto up) { return weir::retry_when(support::makes_one(std::move(up)), times(0, 0ms)); }};
        };
        CHECK(check_contract(once) == "");
    }

    TEST_CASE("retry_when allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::retry_when([n] { return weir::iota(0, n); }, times(0, 1ms)) | weir::drain());
              }) == 0);
    }
}
