// SPDX-License-Identifier: MIT
#include <weir/scope/with_group.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

#include <self_drop.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::group_errors;
using weir::task_group;
using weir::with_group;
using weir::testing::virtual_executor;

namespace {

struct recorder {
    weir::executor& ex;
    std::string text{};

    void note(const std::string& what) { text += what + '@' + std::to_string(ex.now().time_since_epoch() / 1ms) + ' '; }
    weir::task<> work(std::string name, weir::duration d) {
        co_await weir::sleep_for(d);
        note(name);
    }
    weir::task<> failing(std::string name, weir::duration d) {
        co_await weir::sleep_for(d);
        throw std::runtime_error{name};
    }
    /// Never ends; has something to do when it is dropped.
    weir::task<> guarded(std::string name, weir::duration d) {
        const weir::async_finally guard{1s, [this, name, d] { return work(name, d); }};
        co_await weir::sleep_for(1h);
    }
};

} // namespace

TEST_SUITE("scope/with_group") {
    TEST_CASE("with_group returns the result of its body after all spawned operations have ended") {
        virtual_executor ex;
        recorder log{ex};
        const int result = ex.run(with_group([&](task_group& group) -> weir::task<int> {
            group.spawn(log.work("a", 20ms));
            co_await weir::sleep_for(10ms);
            log.note("body");
            co_return 7;
        }));
        CHECK(result == 7);
        CHECK(log.text == "body@10 a@20 ");
    }

    TEST_CASE("with_group: the body may join its operations itself and go on") {
        virtual_executor ex;
        recorder log{ex};
        ex.run(with_group([&](task_group& group) -> weir::task<> {
            group.spawn(log.work("a", 20ms));
            co_await group.join();
            log.note("joined");
            group.spawn(log.work("b", 20ms));
        }));
        CHECK(log.text == "a@20 joined@20 b@40 ");
    }

    TEST_CASE("with_group drops its operations and waits for their guards when the body throws") {
        virtual_executor ex;
        recorder log{ex};
        CHECK_THROWS_WITH(ex.run(with_group([&](task_group& group) -> weir::task<> {
            group.spawn(log.guarded("cleanup", 50ms));
            co_await weir::sleep_for(10ms);
            throw std::runtime_error{"body"};
        })),
                          "body");
        CHECK(log.text == "cleanup@60 ");
    }

    TEST_CASE("with_group drops the body and the others and waits for guards when one operation fails") {
        virtual_executor ex;
        recorder log{ex};
        auto outer = [&]() -> weir::task<> {
            auto body = [&](task_group& group) -> weir::task<> {
                group.spawn(log.guarded("cleanup", 50ms));
                group.spawn(log.failing("child", 10ms));
                co_await log.guarded("body's cleanup", 20ms);
            };
            try {
                co_await with_group(body);
            } catch (const std::runtime_error& e) {
                log.note(e.what());
            }
        };
        ex.run(outer());
        CHECK(log.text == "body's cleanup@30 cleanup@60 child@60 ");
    }

    TEST_CASE("with_group with collect lets the body and the others go on after a failure") {
        virtual_executor ex;
        recorder log{ex};
        CHECK_THROWS_WITH_AS(ex.run(with_group({.errors = group_errors::collect},
                                               [&](task_group& group) -> weir::task<> {
                                                   group.spawn(log.failing("a", 10ms));
                                                   group.spawn(log.failing("b", 20ms));
                                                   group.spawn(log.work("c", 40ms));
                                                   co_await weir::sleep_for(30ms);
                                                   log.note("body");
                                               })),
                             "weir::task_group: 2 failed: a; b", weir::group_error);
        CHECK(log.text == "body@30 c@40 ");
    }

    TEST_CASE("with_group with collect ends with the body's failure, which is unchanged if it is the only one") {
        virtual_executor ex;
        recorder log{ex};
        const auto run = [&](weir::duration child_fails_after) {
            ex.run(with_group({.errors = group_errors::collect}, [&](task_group& group) -> weir::task<> {
                group.spawn(log.failing("child", child_fails_after));
                co_await weir::sleep_for(10ms);
                throw std::out_of_range{"body"};
            }));
        };
        CHECK_THROWS_WITH_AS(run(20ms), "body", std::out_of_range);
        CHECK_THROWS_WITH_AS(run(5ms), "weir::task_group: 2 failed: child; body", weir::group_error);
    }

    TEST_CASE(
        "with_group drops its operations when it is dropped at any suspension point, and guards go on around it") {
        for (const weir::duration when : {0ms, 5ms, 15ms, 25ms}) {
            CAPTURE(when / 1ms);
            virtual_executor ex;
            recorder log{ex};
            auto token = std::make_shared<int>();
            auto inner = [&, token](task_group& group) -> weir::task<> {
                auto held = token;
                group.spawn(log.guarded("cleanup", 50ms));
                co_await weir::sleep_for(10ms); // then it waits for the child, which runs on
                if (when == 25ms) {
                    co_await weir::sleep_for(10ms);
                    throw std::runtime_error{"while its guards are waited for it is dropped"};
                }
            };
            std::string reports;
            ex.on_error([&](std::exception_ptr, std::source_location) { reports += "reported"; });
            auto outer = [&]() -> weir::task<> {
                task_group group;
                {
                    auto handle = ex.spawn(with_group(std::move(inner)));
                    if (when != 0ms) co_await weir::sleep_for(when);
                }
                log.note("dropped");
            };
            ex.run(outer());
            CHECK(token.use_count() == 1);
            const char* expected = when == 0ms    ? "dropped@0 "
                                   : when == 5ms  ? "dropped@5 cleanup@55 "
                                   : when == 15ms ? "dropped@15 cleanup@65 "
                                                  : "dropped@25 cleanup@70 ";
            CHECK(log.text == expected);
            CHECK(reports == (when == 25ms ? "reported" : ""));
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("with_group may be dropped by its body") {
        for (const bool later : {false, true}) {
            virtual_executor ex;
            std::optional<weir::join_handle<weir::task<>>> handle;
            auto token = std::make_shared<int>();
            auto body = [&, token](task_group& group) -> weir::task<> {
                auto held = token;
                group.spawn(weir::sleep_for(1h));
                if (later) co_await weir::sleep_for(1ms);
                handle.reset();
            };
            auto outer = [&]() -> weir::task<> { co_await with_group(std::move(body)); };
            handle.emplace(ex.spawn(outer()));
            ex.advance(2ms);
            CHECK(token.use_count() == 1);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("with_group may be dropped by its function, whose operation is then not started") {
        virtual_executor ex;
        using function = std::function<weir::task<>(task_group&)>;
        std::optional<weir::join_handle<weir::with_group_operation<function>>> operation;
        bool dropped = false;
        bool begun = false;
        auto body = [&]() -> weir::task<> {
            begun = true;
            co_return;
        };
        function drops = [&](task_group&) {
            auto made = body();
            operation.reset();
            dropped = true;
            return made;
        };
        operation.emplace(ex.spawn(with_group(std::move(drops))));
        ex.run_ready();
        CHECK(dropped);
        CHECK_FALSE(begun);
    }

    TEST_CASE("with_group registers the async_finally guards of its own scope, in nested groups as well") {
        virtual_executor ex;
        recorder log{ex};
        ex.run(with_group([&](task_group&) -> weir::task<> {
            auto inner = [&](task_group& group) -> weir::task<> {
                group.spawn(log.guarded("inner cleanup", 50ms));
                co_await weir::sleep_for(1ms);
                group.cancel();
            };
            const weir::async_finally guard{1s, [&] { return log.work("outer cleanup", 100ms); }};
            co_await with_group(inner);
            log.note("inner done");
        }));
        log.note("outer done");
        CHECK(log.text == "inner cleanup@51 inner done@51 outer cleanup@151 outer done@151 ");
    }

    TEST_CASE("with_group passes on a callable's exception and rejects wrong options") {
        virtual_executor ex;
        auto throws = [](task_group&) -> weir::task<> {
            return [](int x) -> weir::task<> {
                if (x != 0) throw std::runtime_error{"f"};
                co_return;
            }(1);
        };
        CHECK_THROWS_WITH(ex.run(with_group(throws)), "f");
        struct plain {
            weir::task<> operator()(task_group&) const { throw std::runtime_error{"not a coroutine"}; }
        };
        CHECK_THROWS_WITH(ex.run(with_group(plain{})), "not a coroutine");
        CHECK_THROWS_AS(with_group({.max_concurrent = 0}, plain{}), std::invalid_argument);
    }
}
