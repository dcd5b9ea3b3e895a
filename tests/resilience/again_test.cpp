// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/resilience/restart.hpp>
#include <weir/resilience/retry_when.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/repeat_when.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

/// Returns a cold stream of the next diagram at each call.
auto in_turn(weir::testing::marbles& m, std::vector<std::string> diagrams) {
    return
        [&m, diagrams = std::move(diagrams), next = std::size_t{0}]() mutable { return m.cold(diagrams.at(next++)); };
}

/// Returns true n times and then false, each time after a wait.
auto times(int n, weir::duration wait) {
    return [n, wait](const auto&...) mutable -> weir::task<bool> {
        const bool again = n-- > 0;
        co_await weir::sleep_for(wait);
        co_return again;
    };
}

} // namespace

TEST_SUITE("resilience/again") {
    TEST_CASE("retry_when awaits an operation after an error, and makes the next stream") {
        weir::testing::marbles m;
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-#", "b|"}), times(9, m.ticks(2)))) == "a---b|");
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-#", "-#"}), times(1, m.ticks(1)))) == "a----#");
        CHECK(m.play(weir::retry_when(in_turn(m, {"a-|"}), times(9, m.ticks(1)))) == "a-|");
        const auto wait = [&](std::exception_ptr) { return weir::sleep_for(m.ticks(1)); };
        CHECK(m.play(weir::retry_when(in_turn(m, {"#", "#", "a|"}), wait)) == "--a|");
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

    TEST_CASE("repeat_when awaits an operation after the end, and makes the next stream") {
        weir::testing::marbles m;
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
    }

    TEST_CASE("restart makes the next stream after an end and after an error") {
        weir::testing::marbles m;
        const weir::retry_policy policy{.delay = m.ticks(2), .jitter = weir::jitter::none};
        CHECK(m.play(weir::restart(in_turn(m, {"a-|", "b-#", "c|"}), policy) | weir::take(3)) == "a---b---[c|]");
    }

    TEST_CASE("restart ends, or fails, when streams in a row had no item") {
        weir::testing::marbles m;
        const weir::retry_policy policy{.attempts = 2, .delay = m.ticks(1), .jitter = weir::jitter::none};
        CHECK(m.play(weir::restart(in_turn(m, {"a|", "-b|", "|"}), policy)) == "a--b-|");
        CHECK(m.play(weir::restart(in_turn(m, {"a#", "#"}), policy)) == "a-#");
    }

    TEST_CASE("restart asks the predicate of its policy about errors only") {
        virtual_executor ex;
        int asked = 0;
        int made = 0;
        const auto factory = [&] {
            ++made;
            return weir::iota(0, made) | weir::map([&](int x) {
                       if (made == 4 && x == 3) throw std::runtime_error{"four"};
                       return x;
                   });
        };
        weir::retry_policy policy;
        policy.when = [&](std::exception_ptr) { return ++asked, false; };
        CHECK_THROWS_WITH(ex.run(weir::restart(factory, policy) | weir::drain()), "four");
        CHECK(made == 4);
        CHECK(asked == 1);
        CHECK_THROWS_AS(weir::restart(factory, {.attempts = 0}), std::invalid_argument);
    }

    TEST_CASE("streams that are made again are destroyed when they are dropped, also while they wait") {
        const auto check = [](auto make) {
            virtual_executor ex;
            weir::testing::probe<int> source;
            auto factory = [stream = source.stream()]() mutable { return std::move(stream); };
            weir::testing::probe_sink sink{ex, make(std::move(factory))};
            sink.request();
            ex.run_ready();
            CHECK(source.waiting());
            sink.drop();
            CHECK(source.dropped());
            CHECK(ex.stats().timers_armed == 0);
        };
        check([](auto factory) { return weir::retry_when(std::move(factory), times(1, 1ms)); });
        check([](auto factory) { return weir::repeat_when(std::move(factory), times(1, 1ms)); });
        check([](auto factory) { return weir::restart(std::move(factory)); });
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::repeat_when([] { return weir::empty<int>(); }, times(1, 1h))};
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("streams without items that are made again for ever let others run") {
        virtual_executor ex;
        const auto ready = [](const auto&...) { return weir::iota(0, 1) | weir::drain(); };
        const auto ends = [] { return weir::empty<int>(); };
        const auto fails = [] { return weir::fail<int>(std::runtime_error{"up"}); };
        const auto repeating = ex.spawn(weir::repeat_when(ends, ready) | weir::drain());
        const auto retrying = ex.spawn(weir::retry_when(fails, ready) | weir::drain());
        for (int i = 0; i != 3; ++i) ex.run(weir::yield());
        CHECK_FALSE(repeating.finished());
        CHECK_FALSE(retrying.finished());
    }

    TEST_CASE("streams that are made again allocate nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto factory = [n] { return weir::iota(0, n); };
                  ex.run(weir::retry_when(factory, times(0, 1ms)) | weir::drain());
                  ex.run(weir::repeat_when(factory, times(0, 1ms)) | weir::drain());
                  ex.run(weir::restart(factory) | weir::take(n) | weir::drain());
              }) == 0);
    }
}
