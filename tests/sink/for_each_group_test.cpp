// SPDX-License-Identifier: MIT
#include <weir/sink/for_each_group.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <map>
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

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::overflow;
using by_key = std::map<int, numbers>;

namespace {

constexpr auto parity = [](int x) { return x % 2; };
constexpr auto itself = [](int x) { return x; };

/// A handler that notes the items of each group.
auto noting(by_key& seen) {
    return [&seen](int key, auto items) -> weir::task<> {
        seen[key]; // the group has begun
        while (const auto item = co_await weir::next(items)) seen[key].push_back(*item);
    };
}

constexpr auto ignoring = [](int, auto items) { return std::move(items) | weir::drain(); };

} // namespace

TEST_SUITE("sink/for_each_group") {
    TEST_CASE("for_each_group passes the items of a key to its handler in order") {
        virtual_executor ex;
        by_key seen;
        ex.run(weir::iota(0, 7) | weir::for_each_group(parity, noting(seen)));
        CHECK(seen == by_key{{0, {0, 2, 4, 6}}, {1, {1, 3, 5}}});
        ex.run(weir::empty<int>() | weir::for_each_group(parity, noting(seen)));
        CHECK(seen.size() == 2);
    }

    TEST_CASE("for_each_group starts a handler at the first item of its key and runs handlers concurrently") {
        marbles m;
        std::string log;
        const auto slow = [&](char key, auto items) -> weir::task<> {
            log += key;
            while (const auto item = co_await weir::next(items)) {
                co_await weir::sleep_for(m.ticks(3));
                log += *item;
            }
            log += '.';
        };
        const auto to_upper = [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; };
        const auto running = m.executor().spawn(m.hot("--a-ba---|") | weir::for_each_group(to_upper, slow));
        m.executor().advance(m.ticks(1));
        CHECK(log.empty());
        m.executor().advance(m.ticks(20));
        CHECK(log == "ABaba..");
        CHECK(running.finished());
    }

    TEST_CASE(
        "for_each_group: a handler that takes no items stops upstream when its buffer is full, and others go on") {
        virtual_executor ex;
        probe<int> source;
        const auto stuck_at_zero = [](int key, auto items) -> weir::task<> {
            if (key == 0) co_await weir::sleep_for(1h);
            co_await (std::move(items) | weir::drain());
        };
        const auto running = ex.spawn(source.stream() | weir::for_each_group(itself, stuck_at_zero, {.buffer = 3}));
        for (int i = 0; i != 5; ++i) {
            source.push(1);
            source.push(0);
        }
        ex.run_ready();
        CHECK(source.taken() == 8); // the fourth item of the group that is stuck waits
        ex.advance(1h);
        CHECK(source.taken() == 10);
    }

    TEST_CASE("for_each_group: an error of upstream or of key follows the handlers' items") {
        virtual_executor ex;
        by_key seen;
        const auto slow = [&](int key, auto items) -> weir::task<> {
            while (const auto item = co_await weir::next(items)) {
                co_await weir::sleep_for(1ms);
                seen[key].push_back(*item);
            }
        };
        CHECK_THROWS_WITH(ex.run(weir::concat(weir::iota(0, 4), weir::fail<int>(std::runtime_error{"lost"})) |
                                 weir::for_each_group(parity, slow)),
                          "lost");
        CHECK(seen == by_key{{0, {0, 2}}, {1, {1, 3}}});
        const auto until_three = [](int x) {
            if (x == 3) throw std::runtime_error{"key"};
            return x;
        };
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::for_each_group(until_three, ignoring)), "key");
        CHECK(source.dropped());
    }

    TEST_CASE("for_each_group: a handler that fails drops the others and upstream") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        int alive = 0;
        const auto fails_at_two = [&](int key, auto items) -> weir::task<> {
            const std::shared_ptr<int> guard((++alive, &alive), [](int* n) { --*n; });
            co_await weir::sleep_for(1ms);
            if (key == 2) throw std::runtime_error{"two"};
            co_await (std::move(items) | weir::drain());
        };
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::for_each_group(itself, fails_at_two)), "two");
        CHECK(alive == 0);
        CHECK(source.dropped());
        const auto throws_at_two = [](int key, auto items) {
            if (key == 2) throw std::runtime_error{"at once"};
            return std::move(items) | weir::drain();
        };
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 9) | weir::for_each_group(itself, throws_at_two)), "at once");
    }

    TEST_CASE(
        "for_each_group: a handler that returns early is followed by another, and no item is lost without a word") {
        virtual_executor ex;
        int groups = 0;
        numbers seen;
        numbers dropped;
        const auto two_each = [&](int, auto items) -> weir::task<> {
            ++groups;
            for (int i = 0; i != 2; ++i) {
                if (const auto item = co_await weir::next(items)) seen.push_back(*item);
            }
        };
        ex.run(weir::iota(0, 100) | weir::for_each_group([](int) { return 0; }, two_each, {.buffer = 1},
                                                         [&](int x) { dropped.push_back(x); }));
        CHECK(groups > 1);
        CHECK(seen.size() + dropped.size() == 100);
        numbers slow_seen;
        const auto one_each = [&](int, auto items) -> weir::task<> {
            if (const auto item = co_await weir::next(items)) slow_seen.push_back(*item);
        };
        marbles m;
        m.executor().run(m.hot<int>("1-2-3|") | weir::for_each_group([](int) { return 0; }, one_each));
        CHECK(slow_seen == numbers{1, 2, 3});
    }

    TEST_CASE(
        "for_each_group: a new group beyond the maximum is an error that names the key, or its items are dropped") {
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 9) | weir::for_each_group(itself, ignoring, {.max_groups = 3})),
                             "weir::for_each_group: there are 3 groups, and the key 3 is new", weir::limit_exceeded);
        const auto text = [](int x) { return "k" + std::to_string(x); };
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 9) | weir::for_each_group(text,
                                                                            [](const std::string&, auto items) {
                                                                                return std::move(items) | weir::drain();
                                                                            },
                                                                            {.max_groups = 1})),
                             "weir::for_each_group: there are 1 groups, and the key k1 is new", weir::limit_exceeded);
        by_key seen;
        numbers dropped;
        ex.run(weir::from_range(numbers{0, 1, 2, 0, 2, 1}) |
               weir::for_each_group(itself, noting(seen), {.max_groups = 2, .on_full = overflow::drop_newest},
                                    [&](int x) { dropped.push_back(x); }));
        CHECK(seen == by_key{{0, {0, 0}}, {1, {1, 1}}});
        CHECK(dropped == numbers{2, 2});
    }

    TEST_CASE(
        "for_each_group: a group without items for the idle time ends, and the next item of its key starts another") {
        marbles m;
        std::string log;
        const auto handler = [&](char key, auto items) -> weir::task<> {
            log += '(';
            log += key;
            while (const auto item = co_await weir::next(items)) log += *item;
            log += ')';
        };
        m.executor().run(m.hot("a-a-b----a-----a|") | weir::for_each_group([](char c) { return c; }, handler,
                                                                           {.max_groups = 2, .idle = m.ticks(4)}));
        CHECK(log == "(aaa(bb))(aa)(aa)");
        CHECK(m.executor().stats().timers_armed == 0);
    }

    TEST_CASE("for_each_group with a limit fails when a handler blocks, and names its key") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        int alive = 0;
        const auto blocks_at_one = [&](int key, auto items) -> weir::task<> {
            const auto count = std::shared_ptr<void>{&++alive, [](int* n) { --*n; }};
            if (key == 1) co_await weir::sleep_for(1h);
            co_await (std::move(items) | weir::drain());
        };
        CHECK_THROWS_WITH_AS(
            ex.run(source.stream() | weir::for_each_group(parity, blocks_at_one, {.buffer = 2, .max_wait = 5s})),
            "weir::for_each_group: the handler of the key 1 took no item within 5s", weir::timed_out);
        CHECK(ex.elapsed() == 5s);
        CHECK(source.dropped());
        CHECK(alive == 0);
        CHECK(ex.stats().timers_armed == 0);

        const auto slow = [](int, auto items) {
            return std::move(items) | weir::for_each([](int) { return weir::sleep_for(3s); });
        };
        ex.run(weir::iota(0, 9) | weir::for_each_group(parity, slow, {.buffer = 1, .max_wait = 5s}));
    }

    TEST_CASE("for_each_group delivers the items of a hundred thousand keys") {
        virtual_executor ex;
        constexpr int keys = 100'000;
        std::vector<int> seen(keys);
        const auto counting = [&](int key, auto items) -> weir::task<> {
            const auto n = co_await (std::move(items) | weir::count());
            seen[static_cast<std::size_t>(key)] += static_cast<int>(n);
        };
        ex.run(weir::iota(0, 3 * keys) |
               weir::for_each_group([](int x) { return x % keys; }, counting, {.max_groups = keys}));
        CHECK(seen == std::vector<int>(keys, 3));
    }

    TEST_CASE("for_each_group agrees with a map of vectors, whenever items arrive and however slow the handlers are") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 40, 0, 5);
            const auto buffer = std::uniform_int_distribution<std::size_t>{1, 3}(random);
            by_key expected;
            for (const int x : items) expected[x].push_back(x);
            by_key seen;
            const auto handler = [&](int key, auto group) -> weir::task<> {
                while (const auto item = co_await weir::next(group)) {
                    seen[key].push_back(*item);
                    if (random() % 3 == 0) co_await weir::sleep_for(1ms * (random() % 3));
                }
            };
            virtual_executor ex;
            ex.run(weir::from_range(items) | weir::for_each_group(itself, handler, {.buffer = buffer}));
            CHECK(seen == expected);
        }
    }

    TEST_CASE(
        "for_each_group: a pipeline that is dropped drops handlers and upstream, and passes held items to on_drop") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        int alive = 0;
        const auto waiting = [&](int, auto items) -> weir::task<> {
            const std::shared_ptr<int> guard((++alive, &alive), [](int* n) { --*n; });
            co_await weir::sleep_for(1h);
            co_await (std::move(items) | weir::drain());
        };
        {
            const auto running = ex.spawn(
                source.stream() | weir::for_each_group(parity, waiting, {}, [&](int x) { dropped.push_back(x); }));
            ex.run_ready();
            CHECK(source.polls() == 1);
            for (int i = 0; i != 4; ++i) source.push(i);
            ex.run_ready();
            CHECK(alive == 2);
        }
        CHECK(alive == 0);
        CHECK(source.dropped());
        CHECK(dropped.size() == 4);
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("for_each_group: a handler may drop the pipeline that it is part of") {
        virtual_executor ex;
        std::optional<weir::join_handle<weir::task<>>> running;
        int after = 0;
        const auto drops = [&](int key, auto items) -> weir::task<> {
            if (key == 2) running.reset();
            co_await weir::yield();
            ++after;
            co_await (std::move(items) | weir::drain());
        };
        running.emplace(ex.spawn([](auto handler) -> weir::task<> {
            co_await (weir::iota(2, 9) | weir::for_each_group(itself, handler));
        }(drops)));
        ex.run_ready();
        CHECK_FALSE(running.has_value());
        CHECK(after == 0);
    }

    TEST_CASE("for_each_group: items that outlive it, with a handler that keeps them, are passed to on_drop") {
        virtual_executor ex;
        std::optional<weir::group_items<int>> kept;
        const auto keeps = [&](int, auto items) -> weir::task<> {
            kept.emplace(std::move(items));
            co_await weir::sleep_for(1s);
        };
        const auto sum = std::make_shared<int>();
        const auto on_drop = [sum](int i) { *sum += i; };
        ex.run(weir::iota(1, 4) | weir::for_each_group([](int) { return 0; }, keeps, {}, on_drop));
        CHECK(*sum == 0);
        kept.reset();
        CHECK(*sum == 6);
    }

    TEST_CASE("for_each_group accepts move-only items, and allocates nothing per item") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 5) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               weir::for_each_group(
                   [](const auto& p) { return *p % 2; },
                   [&](int, auto items) { return std::move(items) | weir::for_each([&](auto p) { sum += *p; }); }));
        CHECK(sum == 10);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | weir::for_each_group(parity, ignoring));
              }) == 0);
    }

    TEST_CASE("for_each_group rejects invalid options") {
        using options = weir::for_each_group_options;
        const auto message = [](options o) -> std::string {
            try {
                static_cast<void>(weir::for_each_group(itself, ignoring, o));
            } catch (const std::invalid_argument& e) {
                return e.what();
            }
            return "none";
        };
        CHECK(message({.max_groups = 0}) == "weir::for_each_group({.max_groups}): max_groups must be at least 1");
        CHECK(message({.buffer = 0}) == "weir::for_each_group({.buffer}): buffer must be at least 1");
        CHECK(message({.idle = 0s}) == "weir::for_each_group({.idle}): idle must be positive");
        CHECK(message({.max_wait = 0s}) == "weir::for_each_group({.max_wait}): max_wait must be positive");
        CHECK(message({.on_full = overflow::suspend}) ==
              "weir::for_each_group({.on_full}): takes overflow::error or overflow::drop_newest");
        CHECK(message({}) == "none");
    }
}
