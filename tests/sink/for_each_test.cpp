// SPDX-License-Identifier: MIT
#include <weir/sink/for_each.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <allocations.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

TEST_SUITE("sink/for_each") {
    TEST_CASE("for_each calls its function with each item in order") {
        virtual_executor ex;
        std::vector<int> seen;
        ex.run(weir::iota(0, 4) | weir::for_each([&](int x) { seen.push_back(x); }));
        CHECK(seen == std::vector{0, 1, 2, 3});
    }

    TEST_CASE("for_each moves items into the function") {
        virtual_executor ex;
        std::vector<std::unique_ptr<int>> kept;
        ex.run(weir::just(std::make_unique<int>(1)) |
               weir::for_each([&](std::unique_ptr<int> item) { kept.push_back(std::move(item)); }));
        CHECK(*kept.front() == 1);
    }

    TEST_CASE("for_each awaits the function's task before it pulls the next item") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (int i = 0; i != 3; ++i) source.push(i);
        source.end();
        std::vector<weir::duration> when;
        auto running = ex.spawn(source.stream() | weir::for_each([&](int) -> weir::task<> {
                                    when.push_back(ex.elapsed());
                                    co_await weir::sleep_for(10ms);
                                }));
        ex.run_ready();
        CHECK(source.taken() == 1);
        ex.run(std::move(running));
        CHECK(when == std::vector<weir::duration>{0ms, 10ms, 20ms});
        CHECK(ex.elapsed() == 30ms);
    }

    TEST_CASE("for_each: the captures of a coroutine lambda live as long as its tasks") {
        virtual_executor ex;
        std::string seen;
        ex.run(weir::iota(0, 2) | weir::for_each([&seen, text = std::string(40, 'x')](int) -> weir::task<> {
                   co_await weir::sleep_for(1ms);
                   seen += text;
               }));
        CHECK(seen == std::string(80, 'x'));
    }

    TEST_CASE("for_each fails with its upstream, with the function and with the function's task") {
        virtual_executor ex;
        const auto ignore = [](int) {};
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::for_each(ignore)), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1) | weir::for_each([](int) { throw std::runtime_error{"f"}; })), "f");
        CHECK_THROWS_WITH(ex.run(weir::just(1) | weir::for_each([](int) -> weir::task<> {
                                     co_await weir::sleep_for(1ms);
                                     throw std::runtime_error{"task"};
                                 })),
                          "task");
    }

    TEST_CASE("for_each: a drop destroys the running task and upstream") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.push(1);
        auto held = std::make_shared<int>(0);
        {
            auto running = ex.spawn(source.stream() | weir::for_each([held](int) -> weir::task<> {
                                        const auto mine = held;
                                        co_await weir::sleep_for(1h);
                                    }));
            ex.run_ready();
            CHECK(held.use_count() > 2);
            CHECK(ex.stats().timers_armed == 1);
        }
        CHECK(held.use_count() == 1);
        CHECK(ex.stats().timers_armed == 0);
        CHECK(source.dropped());
    }

    TEST_CASE("for_each allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  long sum = 0;
                  ex.run(weir::iota(0, n) | weir::for_each([&](int x) { sum += x; }));
              }) == 0);
    }
}
