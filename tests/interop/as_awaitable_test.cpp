// SPDX-License-Identifier: MIT
#include <weir/interop/as_awaitable.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <foreign_task.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/to_awaitable.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::foreign::loop;
using support::foreign::task;
using weir::as_awaitable;
using weir::testing::virtual_executor;

namespace {

/// Ready, with results of all kinds.
template <class T>
struct ready {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() & { return static_cast<T>(value); }

    std::remove_reference_t<T>& value;
};

task<std::unique_ptr<int>> after_turns(loop& l, int n, std::shared_ptr<int> kept) {
    for (int i = 0; i != n; ++i) co_await l.turn();
    if (*kept < 0) throw std::runtime_error{"foreign"};
    co_return std::make_unique<int>(*kept);
}

} // namespace

TEST_SUITE("threads/as_awaitable") {
    TEST_CASE("as_awaitable: results and errors of a foreign task, at once or later") {
        virtual_executor ex;
        loop l;
        for (const int turns : {0, 2}) {
            for (const int value : {5, -1}) {
                auto kept = std::make_shared<int>(value);
                auto running = ex.spawn(as_awaitable(after_turns(l, turns, kept)));
                do ex.run_ready();
                while (l.run() != 0);
                if (value < 0) {
                    CHECK_THROWS_WITH(ex.run(std::move(running)), "foreign");
                } else {
                    CHECK(*ex.run(std::move(running)) == value);
                }
                CHECK(kept.use_count() == 1);
            }
        }
    }

    TEST_CASE("as_awaitable: an awaiter, one that wants to be an lvalue, a reference and void") {
        virtual_executor ex;
        int x = 3;
        const int& same = ex.run(as_awaitable(ready<int&>{x}));
        CHECK(&same == &x);
        CHECK(ex.run(as_awaitable(ready<int>{x})) == 3);
        std::string s = "abc";
        CHECK(ex.run(as_awaitable(ready<std::string&&>{s})) == "abc");
        ex.run(as_awaitable(std::suspend_never{}));
    }

    TEST_CASE("as_awaitable: the awaiting coroutine resumes on its executor's thread") {
        weir::executor ex;
        std::jthread other;
        struct hop {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> h) const {
                std::jthread& thread = *to; // this object ends when the coroutine is resumed
                thread = std::jthread{[h] { h.resume(); }};
            }
            std::thread::id await_resume() const noexcept { return std::this_thread::get_id(); }

            std::jthread* to;
        };
        auto body = [&]() -> weir::task<> {
            for (int i = 0; i != 100; ++i) {
                const hop to_other{&other};
                const std::thread::id there = co_await as_awaitable(to_other);
                CHECK(there != std::this_thread::get_id());
                other.join();
            }
        };
        ex.run(body());
    }

    TEST_CASE("as_awaitable: dropping it asks the foreign task to end, which runs to its end and is destroyed") {
        virtual_executor ex;
        loop l;
        std::stop_source stop;
        auto kept = std::make_shared<int>(1);
        auto until_stopped = [](loop& on, std::stop_token token, std::shared_ptr<int>) -> task<int> {
            while (!token.stop_requested()) co_await on.turn();
            co_return 1;
        };
        auto cancel = [&] { stop.request_stop(); };
        auto running = ex.spawn(as_awaitable(until_stopped(l, stop.get_token(), kept), cancel));
        ex.run_ready();
        l.run();
        CHECK(!stop.stop_requested());
        { auto dropped = std::move(running); }
        CHECK(stop.stop_requested());
        CHECK(kept.use_count() == 2);
        l.run();
        CHECK(kept.use_count() == 1);
        { auto never_started = as_awaitable(after_turns(l, 1, kept)); }
        CHECK(kept.use_count() == 1);
    }

    TEST_CASE("as_awaitable: an operation of weir inside a foreign task inside a task of weir") {
        virtual_executor ex;
        auto inner = [](int x) -> weir::task<int> {
            co_await weir::sleep_for(1s);
            if (x < 0) throw std::runtime_error{"inner"};
            co_return x + 1;
        };
        auto middle = [&](int x) -> task<int> { co_return co_await weir::to_awaitable(ex, inner(x)) * 2; };
        auto outer = [&](int x) -> weir::task<int> { co_return co_await as_awaitable(middle(x)); };
        CHECK(ex.run(outer(4)) == 10);
        CHECK_THROWS_WITH(ex.run(outer(-1)), "inner");
        CHECK_THROWS_AS(ex.run(weir::with_timeout(10ms, outer(4))), weir::timed_out);
        ex.advance(2s);
    }
}
