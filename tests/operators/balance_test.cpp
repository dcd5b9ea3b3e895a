// SPDX-License-Identifier: MIT
#include <weir/operators/balance.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/balance") {
    TEST_CASE("balance passes items, the end and errors to consumers that wait") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "a-b..."}) {
            for (const int n : {1, 3}) {
                marbles m;
                CHECK(m.play(weir::merge(m.hot(diagram) | weir::balance(n))) == diagram);
            }
        }
    }

    TEST_CASE("balance gives a slow consumer less") {
        marbles m;
        std::string quick;
        std::string slow;
        auto streams = m.cold("[abcdef]|") | weir::balance(2);
        const auto work = [&](std::string& seen, int ticks) {
            return weir::for_each([&m, &seen, ticks](char c) -> weir::task<> {
                seen += c;
                co_await weir::sleep_for(m.ticks(ticks));
            });
        };
        m.executor().run(weir::when_all(std::move(streams[0]) | work(slow, 3), std::move(streams[1]) | work(quick, 1)));
        CHECK(slow == "ae");
        CHECK(quick == "bcdf");
    }

    TEST_CASE("balance pulls an item for a waiting consumer only, and loses none with a stream that is destroyed") {
        virtual_executor ex;
        probe<int> source;
        auto streams = source.stream() | weir::balance(3);
        probe_sink first{ex, std::move(streams[0])};
        probe_sink second{ex, std::move(streams[1])};
        probe_sink third{ex, std::move(streams[2])};
        streams.clear();
        ex.run_ready();
        CHECK(source.polls() == 0);
        first.request(1);
        second.request();
        ex.run_ready();
        CHECK(source.taken() == 0);
        first.drop(); // the pull stays, and is the second's
        source.push(1);
        ex.run_ready();
        CHECK(second.items() == numbers{1});
        third.request(1);
        ex.run_ready();
        source.push(2);
        source.push(3);
        ex.run_ready();
        CHECK(second.items().size() + third.items().size() == 3);
        second.drop();
        CHECK_FALSE(source.dropped());
        third.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("balance: an item that upstream has when it drops the consumer goes to another one") {
        for (const bool fails : {false, true}) {
            virtual_executor ex;
            std::function<void()> drop_first;
            auto streams = weir::iota(0, 5) | weir::map([&](int x) {
                               if (x == 2) drop_first();
                               if (x == 2 && fails) throw x;
                               return x;
                           }) |
                           weir::balance(2);
            using stream = decltype(streams)::value_type;
            std::optional<probe_sink<stream>> first{std::in_place, ex, std::move(streams[0])};
            probe_sink second{ex, std::move(streams[1])};
            streams.clear();
            drop_first = [&] { first.reset(); };
            first->request();
            ex.run_ready();
            CHECK_FALSE(first);
            second.request();
            ex.run_ready();
            CHECK(second.items() == (fails ? numbers{} : numbers{2, 3, 4}));
            CHECK(second.failed() == fails);
        }
    }

    TEST_CASE("balance: an upstream that runs by itself drops the consumer, and loses no item") {
        std::function<void()> drop_first;
        const auto ticks = [&]() -> weir::async_stream<int> {
            for (int i = 0; i != 5; ++i) {
                co_await weir::sleep_for(1ms);
                if (i == 2) drop_first();
                if (i == 2) co_await weir::sleep_for(1ms);
                co_yield i;
            }
        };
        const auto check = [&](auto upstream) {
            virtual_executor ex;
            auto streams = std::move(upstream) | weir::balance(2);
            using stream = decltype(streams)::value_type;
            std::optional<probe_sink<stream>> first{std::in_place, ex, std::move(streams[0])};
            probe_sink second{ex, std::move(streams[1])};
            streams.clear();
            drop_first = [&] { first.reset(); };
            first->request();
            ex.advance(10ms);
            CHECK_FALSE(first);
            second.request();
            ex.advance(10ms);
            CHECK(second.items() == numbers{2, 3, 4});
        };
        check(ticks());
        check(ticks() | weir::buffer(2));
        check(weir::iota(0, 5) | weir::map([&](int x) {
                  if (x == 2) drop_first();
                  return x;
              }) |
              weir::buffer(1));
    }

    TEST_CASE("balance: an error of upstream reaches all streams") {
        virtual_executor ex;
        probe<int> source;
        auto streams = source.stream() | weir::balance(2);
        probe_sink first{ex, std::move(streams[0])};
        probe_sink second{ex, std::move(streams[1])};
        first.request();
        ex.run_ready();
        source.fail(std::make_exception_ptr(1));
        ex.run_ready();
        CHECK(first.failed());
        CHECK(source.dropped());
        second.request();
        ex.run_ready();
        CHECK(second.failed());
    }

    TEST_CASE("balance passes each item once, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            auto items = support::random_numbers(random, 20, 0, 9);
            const auto all = weir::closure{[](auto s) { return weir::merge(std::move(s) | weir::balance(3)); }};
            auto seen = support::arrive_at_random(random, items, all);
            std::sort(seen.begin(), seen.end());
            std::sort(items.begin(), items.end());
            CHECK(seen == items);
        }
    }

    TEST_CASE("balance allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto streams = weir::iota(0, n) | weir::balance(2);
                  ex.run(weir::when_all(std::move(streams[0]) | weir::drain(), std::move(streams[1]) | weir::drain()));
              }) == 0);
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::merge(weir::iota(0, 4) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                           weir::balance(2)) |
               weir::for_each([&](auto x) { sum += *x; }));
        CHECK(sum == 6);
    }

    TEST_CASE("balance rejects n of 0") {
        CHECK_THROWS_WITH_AS(weir::balance(0), "weir::balance(n): n must be at least 1", std::invalid_argument);
    }

    TEST_CASE("balance keeps the contract of a stream") {
        const auto first = weir::closure{[](auto s) { return std::move((std::move(s) | weir::balance(2)).front()); }};
        CHECK(check_contract([&] { return first; }) == "");
    }
}
