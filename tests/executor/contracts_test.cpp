// SPDX-License-Identifier: MIT
#ifndef NDEBUG

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/oneshot.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include <child.hpp>

using namespace std::chrono_literals;

namespace {

using weir::testing::virtual_executor;

constexpr const char* second_waiter = "two coroutines wait where only one may";

weir::async_stream<int> late() {
    co_await weir::sleep_for(5s);
    co_yield 1;
    co_await weir::sleep_for(5s);
    co_yield 2;
}
weir::task<int> late_result() {
    co_await weir::sleep_for(5s);
    co_return 1;
}

template <class A>
weir::task<> wait_for(A& operation) {
    static_cast<void>(co_await operation);
}
template <class S>
weir::task<> wait_for_next(S& source) {
    static_cast<void>(co_await weir::next(source));
}
template <class S>
weir::task<> try_for_next(S& source) {
    try {
        static_cast<void>(co_await weir::with_timeout(1s, weir::next(source)));
    } catch (const weir::timed_out&) {}
    co_await weir::sleep_for(100s);
}

/// Two coroutines await the same operation.
template <class A>
void wait_twice(virtual_executor& ex, A& operation) {
    auto first = ex.spawn(wait_for(operation));
    auto second = ex.spawn(wait_for(operation));
    ex.run_ready();
}
template <class S>
void wait_for_next_twice(virtual_executor& ex, S& source) {
    auto first = ex.spawn(wait_for_next(source));
    auto second = ex.spawn(wait_for_next(source));
    ex.run_ready();
}

/// Two coroutines wait for a source one after the other, as is allowed.
template <class S>
void wait_by_turns(S& source, virtual_executor& ex) {
    auto first = ex.spawn(try_for_next(source));
    ex.advance(2s);
    auto second = std::make_optional(ex.spawn(wait_for_next(source)));
    ex.run_ready();
    second.reset();
    auto third = ex.spawn(wait_for_next(source));
    ex.run_ready();
}

/// Calls f on another thread while an executor runs on this one.
template <class F>
bool is_caught_elsewhere(const char* words, F f) {
    return support::aborts_with(words, [&] {
        virtual_executor ex;
        ex.run([&]() -> weir::task<> {
            std::thread other{[&] { f(ex); }};
            other.join();
            co_return;
        });
    });
}

} // namespace

TEST_SUITE("executor/contracts") {
    TEST_CASE("a second coroutine that awaits the same operation is caught in debug builds") {
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto handle = ex.spawn(late_result());
            wait_twice(ex, handle);
        }));
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto handle = ex.spawn(weir::with_timeout(10s, late_result()));
            wait_twice(ex, handle);
        }));
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto operation = late_result();
            wait_twice(ex, operation);
        }));
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto [tx, rx] = weir::oneshot<int>();
            wait_twice(ex, rx);
        }));
    }

    TEST_CASE("a second coroutine that waits for the next item of one stream is caught in debug builds") {
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto items = late();
            wait_for_next_twice(ex, items);
        }));
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            auto [tx, rx] = weir::channel<int>(1);
            wait_for_next_twice(ex, rx);
        }));
        CHECK(support::aborts_with(second_waiter, [] {
            virtual_executor ex;
            const weir::broadcast<int> numbers;
            auto items = numbers.subscribe();
            wait_for_next_twice(ex, items);
        }));
    }

    TEST_CASE("coroutines may wait for one stream after each other") {
        virtual_executor ex;
        auto items = late();
        wait_by_turns(items, ex);
        auto [tx, rx] = weir::channel<int>(1);
        wait_by_turns(rx, ex);
        const weir::broadcast<int> numbers;
        auto subscribed = numbers.subscribe();
        wait_by_turns(subscribed, ex);
    }

    TEST_CASE("the use of an executor on a thread that does not run it is caught in debug builds") {
        constexpr const char* elsewhere = "on a thread that does not run its executor";
        CHECK(is_caught_elsewhere(elsewhere, [](weir::executor& ex) { ex.spawn(weir::yield()).detach(); }));
        CHECK(is_caught_elsewhere(elsewhere, [](weir::executor& ex) { ex.spawn(late_result()).detach(); }));
        CHECK(is_caught_elsewhere(elsewhere, [](weir::executor& ex) {
            weir::waker wk{[](weir::waker&) noexcept {}};
            wk.bind(weir::detail::executor_access::queue(ex));
        }));
        CHECK(is_caught_elsewhere(elsewhere, [](weir::executor& ex) {
            weir::deadline_timer timer;
            timer.arm(ex, weir::time_point::max());
        }));
        CHECK(is_caught_elsewhere(elsewhere, [](weir::executor& ex) { weir::task_group{ex}.spawn(weir::yield()); }));
        CHECK(is_caught_elsewhere("while another thread runs it", [](weir::executor& ex) { ex.run(weir::yield()); }));
    }

    TEST_CASE("the use of another executor's objects on its thread is caught in debug builds") {
        CHECK(support::aborts_with("on a thread that does not run its executor", [] {
            virtual_executor ex;
            auto [tx, rx] = weir::channel<int>(1);
            auto waiting = ex.spawn(wait_for_next(rx));
            ex.run([&tx]() -> weir::task<> {
                co_await weir::yield(); // the receiver waits now
                std::thread other{[&tx] { static_cast<void>(tx.try_send(1)); }};
                other.join();
            });
        }));
        CHECK(support::aborts_with("on a thread that does not run its executor", [] {
            virtual_executor ex;
            std::optional waiting{ex.spawn(weir::sleep_for(1s))};
            ex.run([&waiting]() -> weir::task<> {
                std::thread other{[&waiting] { waiting.reset(); }};
                other.join();
                co_return;
            });
        }));
    }

    TEST_CASE("another thread may post to an executor, stop it, and use it while no thread runs it") {
        virtual_executor ex;
        int posted = 0;
        std::thread{[&] { ex.spawn(weir::yield()).detach(); }}.join();
        CHECK_THROWS_AS(ex.run([&]() -> weir::task<> {
            std::thread other{[&] {
                ex.post([&] { ++posted; });
                ex.stop();
            }};
            other.join();
            co_await weir::sleep_for(1s);
            co_await weir::sleep_for(1s);
        }),
                        weir::stopped);
        CHECK(posted == 1);
        std::thread{[&] { CHECK(ex.run(late_result()) == 1); }}.join();
        CHECK(ex.run(late_result()) == 1);
    }
}

#endif
