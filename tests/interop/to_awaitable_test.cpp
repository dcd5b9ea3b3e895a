// SPDX-License-Identifier: MIT
#include <weir/interop/to_awaitable.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <foreign_task.hpp>
#include <tasks.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure_after;
using support::value_after;
using support::foreign::loop;
using support::foreign::task;
using weir::to_awaitable;
using weir::testing::virtual_executor;

TEST_SUITE("threads/to_awaitable") {
    TEST_CASE("to_awaitable: a foreign coroutine receives the result or the error") {
        virtual_executor ex;
        const auto succeeds = [&]() -> task<std::unique_ptr<int>> {
            co_await to_awaitable(ex, weir::sleep_for(1s));
            co_return co_await to_awaitable(ex, value_after(1s, std::make_unique<int>(4)));
        };
        const auto fails = [&]() -> task<int> { co_return co_await to_awaitable(ex, failure_after(1s, "weir")); };
        auto value = succeeds();
        auto error = fails();
        value.start();
        error.start();
        ex.advance(3s);
        REQUIRE(value.finished());
        REQUIRE(error.finished());
        CHECK(*value.result() == 4);
        CHECK_THROWS_WITH(error.result(), "weir");
    }

    TEST_CASE("to_awaitable: it resumes on the executor's thread, or where `resume` puts it") {
        weir::executor ex;
        std::jthread running{[&] { CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped); }};
        loop l;
        std::thread::id first;
        std::thread::id second;
        const auto asks = [&]() -> task<void> {
            co_await to_awaitable(ex, weir::sleep_for(1ms));
            first = std::this_thread::get_id();
            const auto on_loop = [&](weir::resumption coroutine) { l.post(std::move(coroutine)); };
            co_await to_awaitable(ex, weir::yield(), on_loop);
            second = std::this_thread::get_id();
        };
        auto body = asks();
        body.start();
        while (l.run() == 0) std::this_thread::yield();
        CHECK(body.finished());
        CHECK(first == running.get_id());
        CHECK(second == std::this_thread::get_id());
        ex.stop();
    }

    TEST_CASE("to_awaitable: destroying the coroutine drops the operation") {
        for (const bool resumed_elsewhere : {false, true}) {
            virtual_executor ex;
            loop l;
            auto kept = std::make_shared<int>();
            auto inner = [](std::shared_ptr<int>) -> weir::task<> { co_await weir::sleep_for(1s); };
            std::optional<task<void>> body;
            const auto on_loop = [&](weir::resumption coroutine) { l.post(std::move(coroutine)); };
            const auto asks = [&]() -> task<void> {
                co_await to_awaitable(ex, inner(kept), on_loop);
                FAIL("it was destroyed");
            };
            body.emplace(asks());
            body->start();
            ex.run_ready();
            CHECK(kept.use_count() == 2);
            if (resumed_elsewhere) ex.advance(2s); // the loop has to resume it
            body.reset();
            ex.run_ready();
            CHECK(kept.use_count() == 1);
            CHECK(l.run() == (resumed_elsewhere ? 1 : 0));
        }
    }

    TEST_CASE("to_awaitable: the end of the executor throws `stopped`, before the operation starts and later") {
        for (const bool begun : {false, true}) {
            CAPTURE(begun);
            std::optional<virtual_executor> ex;
            ex.emplace();
            const auto asks = [&]() -> task<int> { co_return co_await to_awaitable(*ex, value_after(1h, 1)); };
            auto body = asks();
            body.start();
            if (begun) ex->run_ready();
            ex.reset();
            REQUIRE(body.finished());
            CHECK_THROWS_AS(body.result(), weir::stopped);
        }
        std::optional<virtual_executor> ex;
        ex.emplace();
        auto body = [](auto awaitable) -> task<int> {
            co_return co_await std::move(awaitable);
        }(to_awaitable(*ex, value_after(1h, 1)));
        ex.reset();
        body.start();
        REQUIRE(body.finished());
        CHECK_THROWS_AS(body.result(), weir::stopped);
    }

    TEST_CASE("to_awaitable: many coroutines of other threads, of which every third gives up") {
        weir::executor ex;
        std::jthread running{[&] { CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped); }};
        std::atomic<int> alive = 0;
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t != 3; ++t) {
                threads.emplace_back([&] {
                    loop l;
                    const auto on_loop = [&](weir::resumption coroutine) { l.post(std::move(coroutine)); };
                    for (int i = 0; i != 200; ++i) {
                        bool answered = false;
                        auto inner = [](std::atomic<int>& n) -> weir::task<int> {
                            const std::shared_ptr<void> guard{(++n, nullptr), [&n](void*) { --n; }};
                            co_await weir::yield();
                            co_return 1;
                        };
                        const auto asks = [&]() -> task<void> {
                            const int one = co_await to_awaitable(ex, inner(alive), on_loop);
                            answered = one == 1;
                        };
                        auto body = asks();
                        body.start();
                        if (i % 3 == 0) continue;
                        while (!answered) {
                            l.run();
                            std::this_thread::yield();
                        }
                    }
                });
            }
        }
        ex.stop();
        running.join();
        ex.run(weir::yield());
        CHECK(alive == 0);
    }
}
