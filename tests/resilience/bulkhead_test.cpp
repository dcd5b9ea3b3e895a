// SPDX-License-Identifier: MIT
#include <weir/resilience/bulkhead.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <manual.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::bulkhead;
using weir::overloaded;
using weir::testing::virtual_executor;

TEST_SUITE("resilience/bulkhead") {
    TEST_CASE("bulkhead refuses a call when it is full, by default without a queue, and does not start its operation") {
        virtual_executor ex;
        bulkhead b{2};
        auto one = ex.spawn(b.run(weir::sleep_for(10ms)));
        auto two = ex.spawn(b.run(weir::sleep_for(20ms)));
        ex.run_ready();
        support::manual<int> third;
        CHECK_THROWS_WITH_AS(ex.run(b.run(third.operation())), "weir::bulkhead: 0 are waiting already", overloaded);
        CHECK_FALSE(third.started());
        CHECK(third.dropped());
        ex.advance(10ms);
        ex.run(b.run(weir::sleep_for(0ms)));
        CHECK(b.in_flight() == 1);
    }

    TEST_CASE("bulkhead lets a limited number wait, in order") {
        virtual_executor ex;
        bulkhead b{1, {.max_queued = 2}};
        std::vector<weir::duration> done;
        const auto work = [&]() -> weir::task<> {
            co_await weir::sleep_for(10ms);
            done.push_back(ex.elapsed());
        };
        auto one = ex.spawn(b.run(work()));
        auto two = ex.spawn(b.run(work()));
        auto three = ex.spawn(b.run(work()));
        auto four = ex.spawn(b.run(work()));
        ex.run_ready();
        CHECK_THROWS_WITH_AS(ex.run(std::move(four)), "weir::bulkhead: 2 are waiting already", overloaded);
        ex.run_until_idle();
        CHECK(done == std::vector<weir::duration>{10ms, 20ms, 30ms});
    }

    TEST_CASE("bulkhead refuses a waiter after max_wait, which frees its place in the queue") {
        virtual_executor ex;
        bulkhead b{1, {.max_queued = 1, .max_wait = 30ms}};
        auto slow = ex.spawn(b.run(weir::sleep_for(1h)));
        auto waiting = ex.spawn(b.run(weir::sleep_for(1ms)));
        CHECK_THROWS_WITH_AS(ex.run(std::move(waiting)), "weir::bulkhead: not admitted within 30ms", overloaded);
        CHECK(ex.elapsed() == 30ms);
        auto next = ex.spawn(b.run(weir::sleep_for(1ms)));
        ex.run_ready();
        CHECK(b.queued() == 1);
    }

    TEST_CASE("bulkhead: dropping a running operation starts the next") {
        virtual_executor ex;
        bulkhead b{1, {.max_queued = 1}};
        std::optional stuck{ex.spawn(b.run(weir::sleep_for(1h)))};
        auto next = ex.spawn(b.run(weir::sleep_for(1ms)));
        ex.advance(5ms);
        stuck.reset();
        ex.run(std::move(next));
        CHECK(ex.elapsed() == 6ms);
        CHECK(b.in_flight() == 0);
    }

    TEST_CASE("bulkhead rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS(bulkhead{0}, "weir::bulkhead: the limit must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(bulkhead(1, {.max_wait = -1ms}), "weir::bulkhead: max_wait is negative",
                             std::invalid_argument);
    }
}
