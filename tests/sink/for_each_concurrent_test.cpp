// SPDX-License-Identifier: MIT
#include <weir/sink/for_each_concurrent.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <results.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("sink/for_each_concurrent") {
    TEST_CASE("for_each_concurrent runs n operations at a time, and asks for another item when one has ended") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {3, 1, 1, 1}) source.push(x);
        source.end();
        std::vector<int> ended;
        const auto wait = [&](int x) -> weir::task<> {
            co_await weir::sleep_for(x * 1ms);
            ended.push_back(x);
        };
        auto result = ex.spawn(source.stream() | weir::for_each_concurrent(2, wait));
        ex.run_ready();
        CHECK(source.polls() == 2);
        ex.advance(1ms);
        CHECK(source.polls() == 3);
        ex.run(std::move(result));
        CHECK(ended.size() == 4);
        CHECK(ex.elapsed() == 3ms);
    }

    TEST_CASE("for_each_concurrent fails with an operation, and destroys the others") {
        virtual_executor ex;
        int alive = 0;
        const auto run = [&](int x) -> weir::task<> {
            const auto count = std::shared_ptr<int>{&++alive, [](int* n) { --*n; }};
            co_await weir::sleep_for(x * 1ms);
            if (x == 1) throw std::runtime_error{"one"};
        };
        CHECK_THROWS_WITH(ex.run(weir::just(9, 1, 9) | weir::for_each_concurrent(3, run)), "one");
        CHECK(alive == 0);
        CHECK(ex.elapsed() == 1ms);
        CHECK_THROWS_WITH_AS(weir::for_each_concurrent(0, run), "weir::for_each_concurrent(n, f): n must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("for_each_concurrent fails with its upstream, and calls nothing for no items") {
        CHECK(support::upstream_error(weir::for_each_concurrent(1, [](int) { return weir::sleep_for(1ms); })) == "up");
        virtual_executor ex;
        int calls = 0;
        const auto counts = [&](int) {
            ++calls;
            return weir::yield();
        };
        ex.run(weir::empty<int>() | weir::for_each_concurrent(2, counts));
        CHECK(calls == 0);
    }

    TEST_CASE("for_each_concurrent handles each item once, whenever items arrive") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            std::vector<int> handled;
            const auto handle = [&](int x) -> weir::task<> {
                co_await weir::sleep_for((x + 3) * 1ms);
                handled.push_back(x);
            };
            run(weir::for_each_concurrent(2, handle));
            CHECK(std::ranges::is_permutation(handled, numbers));
        });
    }

    TEST_CASE("for_each_concurrent allocates nothing per item") {
        CHECK(support::sink_allocations(weir::for_each_concurrent(2, [](int) { return weir::yield(); })) == 0);
    }
}
