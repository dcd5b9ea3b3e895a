// SPDX-License-Identifier: MIT
#include <weir/interop/from_future.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/task.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

using namespace std::chrono_literals;
using weir::from_future;

TEST_SUITE("threads/from_future") {
    TEST_CASE("from_future: a ready future needs no thread, whatever it holds") {
        weir::executor ex;
        weir::thread_pool pool{1};
        pool.close();
        std::promise<std::unique_ptr<int>> pointer;
        pointer.set_value(std::make_unique<int>(3));
        CHECK(*ex.run(from_future(pool, pointer.get_future())) == 3);
        int x = 0;
        std::promise<int&> reference;
        reference.set_value(x);
        CHECK(&ex.run(from_future(pool, reference.get_future())) == &x);
        std::promise<void> nothing;
        nothing.set_value();
        const auto shared = nothing.get_future().share();
        ex.run(from_future(pool, shared));
        std::promise<int> fails;
        fails.set_exception(std::make_exception_ptr(std::runtime_error{"future"}));
        CHECK_THROWS_WITH(ex.run(from_future(pool, fails.get_future())), "future");
        CHECK_THROWS_AS(ex.run(from_future(pool, std::future<int>{})), std::future_error);
        std::future<int> broken = std::promise<int>{}.get_future();
        CHECK_THROWS_AS(ex.run(from_future(pool, std::move(broken))), std::future_error);
        std::promise<int> waits;
        CHECK_THROWS_AS(ex.run(from_future(pool, waits.get_future())), weir::pool_closed);
    }

    TEST_CASE("from_future: the executor keeps running while a thread of the pool waits") {
        weir::executor ex;
        weir::thread_pool pool{2};
        std::promise<int> value;
        std::promise<int> error;
        auto body = [&]() -> weir::task<> {
            const int x = co_await from_future(pool, value.get_future());
            CHECK(x == 5);
            CHECK_THROWS_WITH(co_await from_future(pool, error.get_future()), "later");
        };
        auto fulfils = [&]() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            value.set_value(5);
            co_await weir::sleep_for(1ms);
            error.set_exception(std::make_exception_ptr(std::runtime_error{"later"}));
        };
        auto other = ex.spawn(fulfils());
        ex.run(body());
        ex.run(std::move(other));
    }

    TEST_CASE("from_future: a deferred function runs on a thread of the pool") {
        weir::executor ex;
        weir::thread_pool pool{1};
        auto deferred = std::async(std::launch::deferred, [] { return std::this_thread::get_id(); });
        CHECK(ex.run(from_future(pool, std::move(deferred))) != std::this_thread::get_id());
    }

    TEST_CASE("from_future: dropping it frees the thread of the pool, whose destructor does not hang") {
        weir::executor ex;
        std::promise<int> never;
        weir::thread_pool pool{1};
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1ms, from_future(pool, never.get_future()))), weir::timed_out);
        CHECK(ex.run(weir::offload(pool, [] { return 1; })) == 1);
        { auto never_started = from_future(pool, std::promise<int>{}.get_future()); }
    }
}
