// SPDX-License-Identifier: MIT
#include <weir/executor/sleep.hpp>

#include <doctest/doctest.h>

#include <string>

#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

TEST_SUITE("executor/sleep") {
    TEST_CASE("sleep_for lasts for its duration from the first poll") {
        virtual_executor ex;
        auto sleep = weir::sleep_for(90min);
        ex.advance(1h);
        ex.run(std::move(sleep));
        CHECK(ex.elapsed() == 150min);
    }

    TEST_CASE("sleep_for with a zero or negative duration ends in the next turn") {
        virtual_executor ex;
        ex.run(weir::sleep_for(0s));
        ex.run(weir::sleep_for(-5s));
        CHECK(ex.elapsed() == 0s);
    }

    TEST_CASE("sleep_until waits until a time, and does not wait for a time in the past") {
        virtual_executor ex;
        ex.advance(1h);
        ex.run(weir::sleep_until(ex.now() - 1s));
        CHECK(ex.elapsed() == 1h);
        ex.run(weir::sleep_until(ex.now() + 1s));
        CHECK(ex.elapsed() == 1h + 1s);
    }

    TEST_CASE("schedules with sleep_until do not drift") {
        virtual_executor ex;
        auto periodic = [](virtual_executor& e) -> weir::task<> {
            const auto start = e.now();
            for (int i = 1; i <= 1000; ++i) co_await weir::sleep_until(start + i * 7ms);
        };
        ex.run(periodic(ex));
        CHECK(ex.elapsed() == 7s);
    }

    TEST_CASE("yield lets the other wakers run first") {
        virtual_executor ex;
        std::string order;
        auto writes = [&](char c) -> weir::task<> {
            for (int i = 0; i != 3; ++i) {
                order += c;
                co_await weir::yield();
            }
        };
        auto a = ex.spawn(writes('a'));
        auto b = ex.spawn(writes('b'));
        ex.run_until_idle();
        CHECK(order == "ababab");
        CHECK(a.finished());
        CHECK(b.finished());
    }

    TEST_CASE("this_executor returns the executor") {
        virtual_executor ex;
        CHECK(ex.run(weir::this_executor()) == &ex);
    }
}
