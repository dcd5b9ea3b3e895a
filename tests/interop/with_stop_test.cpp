// SPDX-License-Identifier: MIT
#include <weir/interop/with_stop.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include <manual.hpp>
#include <self_drop.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::manual;
using support::value_after;
using weir::with_stop;
using weir::testing::virtual_executor;

TEST_SUITE("interop/with_stop") {
    TEST_CASE("with_stop returns the operation's result if no stop is requested") {
        virtual_executor ex;
        std::stop_source stop;
        CHECK(ex.run(with_stop(stop.get_token(), value_after(1ms, 5))) == 5);
        CHECK(**ex.run(with_stop(stop.get_token(), value_after(1ms, std::make_unique<int>(6)))) == 6);
        CHECK(ex.run(with_stop(stop.get_token(), weir::sleep_for(1ms))));
        CHECK(ex.run(with_stop(std::stop_token{}, value_after(1ms, 7))) == 7);
        int x = 0;
        auto reference = [&]() -> weir::task<int&> { co_return x; };
        std::optional<std::reference_wrapper<int>> r = ex.run(with_stop(stop.get_token(), reference()));
        CHECK(&r->get() == &x);
    }

    TEST_CASE("with_stop: a stop drops the operation and returns no result") {
        virtual_executor ex;
        std::stop_source stop;
        manual<int> slow;
        auto body = [&]() -> weir::task<> {
            auto operation = with_stop(stop.get_token(), slow.operation());
            const auto result = co_await operation;
            CHECK_FALSE(result);
            CHECK(slow.dropped());
            CHECK(ex.elapsed() == 10ms);
            CHECK_FALSE(co_await with_stop(stop.get_token(), weir::sleep_for(1ms)));
            CHECK(ex.elapsed() == 10ms);
        };
        auto stops = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            stop.request_stop();
        };
        auto handle = ex.spawn(stops());
        ex.run(body());
    }

    TEST_CASE("with_stop does not start its operation after a stop was requested") {
        virtual_executor ex;
        std::stop_source stop;
        stop.request_stop();
        manual<int> operation;
        CHECK_FALSE(ex.run(with_stop(stop.get_token(), operation.operation())));
        CHECK_FALSE(operation.started());
    }

    TEST_CASE("with_stop: the operation may request the stop itself") {
        for (const bool later : {false, true}) {
            virtual_executor ex;
            std::stop_source stop;
            auto body = [&]() -> weir::task<> {
                if (later) co_await weir::sleep_for(1ms);
                stop.request_stop();
                co_await weir::sleep_for(1h);
            };
            CHECK_FALSE(ex.run(with_stop(stop.get_token(), body())));
            CHECK(ex.elapsed() == (later ? 1ms : 0ms));
        }
    }

    TEST_CASE("with_stop: a stop runs the guards and throws nothing inside the operation") {
        virtual_executor ex;
        std::stop_source stop;
        bool saw_error = false;
        bool cleaned = false;
        auto inner = [&]() -> weir::task<> {
            const weir::async_finally guard{1s, [&]() -> weir::task<> {
                                                co_await weir::sleep_for(1ms);
                                                cleaned = true;
                                            }};
            try {
                co_await (weir::interval(1ms) | weir::on_error_resume([&](std::exception_ptr) {
                              saw_error = true;
                              return weir::empty<std::uint64_t>();
                          }) |
                          weir::drain());
            } catch (...) {
                saw_error = true;
            }
        };
        auto stops = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            stop.request_stop();
        };
        auto handle = ex.spawn(stops());
        CHECK_FALSE(ex.run(with_stop(stop.get_token(), inner())));
        CHECK_FALSE(saw_error);
        CHECK(cleaned);
    }

    TEST_CASE("with_stop: an abandoned next loses no item") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto s = source.stream();
        std::stop_source stop;
        auto stops = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            stop.request_stop();
        };
        auto handle = ex.spawn(stops());
        CHECK_FALSE(ex.run(with_stop(stop.get_token(), weir::next(s))));
        source.push(4);
        CHECK(ex.run(weir::next(s)) == 4);
    }

    TEST_CASE("with_stop: run with a token returns the result, or throws the error or stopped") {
        std::stop_source stop;
        CHECK(weir::run(value_after(1ms, 5), stop.get_token()) == 5);
        weir::run(weir::sleep_for(1ms), stop.get_token());
        auto fails = []() -> weir::task<> {
            co_await weir::yield();
            throw std::runtime_error{"operation"};
        };
        CHECK_THROWS_WITH(weir::run(fails(), stop.get_token()), "operation");
        int x = 0;
        auto reference = [&]() -> weir::task<int&> { co_return x; };
        static_assert(std::same_as<decltype(weir::run(reference(), stop.get_token())), int&>);
        CHECK(&weir::run(reference(), stop.get_token()) == &x);
        bool dropped = false;
        auto stops = [&]() -> weir::task<> {
            struct note {
                bool& to;
                ~note() { to = true; }
            } const at_exit{dropped};
            co_await weir::yield();
            stop.request_stop();
            co_await weir::sleep_for(1h);
        };
        CHECK_THROWS_WITH_AS(weir::run(stops(), stop.get_token()), "weir: stopped before there was a result",
                             weir::stopped);
        CHECK(dropped);
        CHECK_THROWS_AS(weir::run(value_after(1ms, 5), stop.get_token()), weir::stopped);
    }

    TEST_CASE("with_stop leaves nothing behind when it is dropped at any suspension point") {
        for (int point = 0; point != 3; ++point) {
            virtual_executor ex;
            std::stop_source stop;
            manual<int> operation;
            {
                auto handle = ex.spawn(with_stop(stop.get_token(), operation.operation()));
                if (point >= 1) ex.run_ready();
                if (point >= 2) stop.request_stop();
            }
            CHECK(operation.dropped());
            stop.request_stop();
            ex.run_ready();
        }
    }

    TEST_CASE("with_stop may be dropped by its operation, at once or later") {
        std::stop_source stop;
        support::operation_drops_itself(
            [&](weir::task<> culprit) { return with_stop(stop.get_token(), std::move(culprit)); });
    }
}
