// SPDX-License-Identifier: MIT
#include <weir/operators/subscribe_on.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/runtime.hpp>

#include "allocations.hpp"
#include "item_types.hpp"
#include "threads.hpp"
#include "token.hpp"

using support::first_numbers;
using support::thread_of;
using weir::subscribe_on;
using weir::task;

using namespace std::chrono_literals;

TEST_SUITE("threads/subscribe_on") {
    TEST_CASE("subscribe_on runs upstream on the other executor and emits its items here in order") {
        weir::runtime rt{1};
        const auto there = thread_of(rt, 0);
        const auto here = std::this_thread::get_id();
        for (const int n : {1, 2, 3, 4, 7, 64, 1000}) {
            CAPTURE(n);
            weir::executor ex;
            std::vector<int> got;
            ex.run(weir::iota(0, 3000) | weir::map([&](int i) {
                       if (std::this_thread::get_id() != there) throw std::logic_error{"wrong thread"};
                       return i;
                   }) |
                   subscribe_on(rt[0], n) | weir::for_each([&](int i) {
                       if (std::this_thread::get_id() != here) throw std::logic_error{"wrong thread"};
                       got.push_back(i);
                   }));
            CHECK(got == first_numbers(3000));
        }
    }

    TEST_CASE("subscribe_on without a number pulls nothing ahead") {
        weir::runtime rt{1};
        weir::executor ex;
        std::atomic<int> pulled = 0;
        auto items = weir::iota(0, 100) | weir::map([&](int i) {
                         ++pulled;
                         return i;
                     }) |
                     subscribe_on(rt[0]);
        const auto work = [&]() -> task<> {
            for (int i = 0; i != 100; ++i) {
                const auto item = co_await weir::next(items);
                CHECK(item.value() == i);
                co_await rt.spawn_on(0, []() -> task<> { co_await weir::yield(); });
                CHECK(pulled == i + 1);
            }
            const auto end = co_await weir::next(items);
            CHECK_FALSE(end.has_value());
        };
        ex.run(work());
    }

    TEST_CASE("subscribe_on pulls n items ahead, and goes on when three quarters of them were received") {
        weir::runtime rt{1};
        weir::executor ex;
        std::atomic<int> pulled = 0;
        auto items = weir::iota(0, 100) | weir::map([&](int i) {
                         ++pulled;
                         return i;
                     }) |
                     subscribe_on(rt[0], 8);
        const auto reach = [&](int n) {
            while (pulled != n) std::this_thread::yield();
        };
        const auto work = [&]() -> task<> {
            int next = 0;
            const auto take = [&](int n) -> task<> {
                for (int i = 0; i != n; ++i) {
                    const auto item = co_await weir::next(items);
                    CHECK(item.value() == next++);
                }
            };
            co_await take(1);
            reach(8);
            co_await take(4);
            co_await rt.spawn_on(0, []() -> task<> { co_await weir::yield(); });
            CHECK(pulled == 8);
            co_await take(1); // six of eight
            reach(14);
        };
        ex.run(work());
    }

    TEST_CASE("subscribe_on moves upstream at the first poll and destroys it there before the end") {
        weir::runtime rt{1};
        support::witness w;
        const auto make = [&] {
            return weir::iota(0, 3) | weir::map([t = w.make()](int i) { return i; }) | subscribe_on(rt[0], 2);
        };
        { [[maybe_unused]] auto never_polled = make(); }
        CHECK(w.died() == std::this_thread::get_id());
        {
            auto items = make();
            weir::executor ex;
            const auto work = [&]() -> task<> {
                while (co_await weir::next(items)) {}
            };
            ex.run(work());
            CHECK(w.died() == thread_of(rt, 0));
            CHECK(w.alive() == 0);
        }
    }

    TEST_CASE("subscribe_on: an error follows the items after upstream was destroyed") {
        weir::runtime rt{1};
        weir::executor ex;
        support::witness w;
        std::vector<int> got;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 100) | weir::map([t = w.make()](int i) {
                                        if (i == 50) throw std::runtime_error{"fifty"};
                                        return i;
                                    }) |
                                    subscribe_on(rt[0], 16) | weir::for_each([&](int i) { got.push_back(i); })),
                             "fifty", std::runtime_error);
        CHECK(got == first_numbers(50));
        CHECK(w.died() == thread_of(rt, 0));
    }

    TEST_CASE("subscribe_on: a drop destroys upstream on its own thread") {
        weir::runtime rt{1};
        const auto there = thread_of(rt, 0);
        for (int round = 0; round != 200; ++round) {
            support::witness w;
            {
                weir::executor ex;
                ex.run(weir::iota(0, 1'000'000'000) | weir::map([t = w.make()](int i) { return i; }) |
                       subscribe_on(rt[0], 1 + round % 9) | weir::take(round) | weir::drain());
            }
            if (round == 0) continue; // never polled
            w.wait();
            CHECK(w.alive() == 0);
            CHECK(w.died() == there);
        }
    }

    TEST_CASE("subscribe_on: a drop wakes a waiting upstream") {
        weir::runtime rt{1};
        support::witness w;
        {
            weir::executor ex;
            const auto work = [&]() -> task<> {
                auto waiting = ex.spawn(weir::never<int>() | weir::map([t = w.make()](int i) { return i; }) |
                                        subscribe_on(rt[0], 4) | weir::drain());
                co_await weir::yield();
                co_await rt.spawn_on(0, []() -> task<> { co_return; });
            };
            ex.run(work());
        }
        w.wait();
        CHECK(w.died() == thread_of(rt, 0));
    }

    TEST_CASE("subscribe_on emits the items that crossed, then stopped, when the other executor is destroyed") {
        for (int round = 0; round != 50; ++round) {
            std::optional<weir::runtime> rt{std::in_place, 1};
            support::witness w;
            weir::executor ex;
            auto items = weir::iota(0, 1'000'000'000) | weir::map([t = w.make()](int i) { return i; }) |
                         subscribe_on((*rt)[0], 4);
            const auto work = [&]() -> task<int> {
                int n = 0;
                for (; n != round; ++n) {
                    const auto item = co_await weir::next(items);
                    CHECK(item.value() == n);
                }
                rt.reset();
                CHECK(w.alive() == (round == 0 ? 1 : 0));
                try {
                    while (co_await weir::next(items)) ++n;
                } catch (const weir::stopped&) {
                    co_return n;
                }
                co_return -1;
            };
            const int got = ex.run(work());
            CHECK(got >= round);
            CHECK(got <= round + 4);
            CHECK(w.alive() == 0);
        }
    }

    TEST_CASE("subscribe_on: the executor of the consumer may be destroyed first") {
        weir::runtime rt{1};
        for (int round = 0; round != 50; ++round) {
            support::witness w;
            {
                weir::executor ex;
                ex.spawn(weir::iota(0, 1'000'000'000) | weir::map([t = w.make()](int i) { return i; }) |
                         subscribe_on(rt[0], 4) | weir::drain())
                    .detach();
                const auto work = [&]() -> task<> {
                    for (int i = 0; i <= round; ++i) co_await weir::yield();
                };
                ex.run(work());
            }
            w.wait();
            CHECK(w.died() != std::this_thread::get_id());
        }
    }

    TEST_CASE("subscribe_on: the stream may outlive both executors") {
        std::optional<weir::runtime> rt{std::in_place, 1};
        std::optional<weir::executor> ex{std::in_place};
        auto items =
            weir::iota(0, 100) | weir::map([](int i) { return std::make_unique<int>(i); }) | subscribe_on((*rt)[0], 10);
        const auto work = [&]() -> task<> {
            const auto first = co_await weir::next(items);
            CHECK(*first.value() == 0);
        };
        ex->run(work());
        SUBCASE("the other one dies first") {
            rt.reset();
            ex.reset();
        }
        SUBCASE("this one dies first") {
            ex.reset();
            rt.reset();
        }
    }

    TEST_CASE("subscribe_on: items cross twice, and from many executors at once") {
        weir::runtime rt{3};
        weir::executor ex;
        const auto twice = [&](int from) {
            return weir::iota(from, from + 1000) | subscribe_on(rt[0], 16) | weir::map([](int i) { return i + 1; }) |
                   subscribe_on(rt[1], 16);
        };
        const int sum =
            ex.run(weir::merge(twice(0), twice(1000), twice(2000)) | weir::fold(0, [](int s, int i) { return s + i; }));
        CHECK(sum == 3000 * 3001 / 2);
    }

    TEST_CASE("subscribe_on runs a generator on the other executor") {
        weir::runtime rt{1};
        weir::executor ex;
        const auto generate = [&]() -> weir::async_stream<int> {
            for (int i = 0; i != 20; ++i) {
                co_await weir::sleep_for(10us);
                CHECK(weir::executor::current() == &rt[0]);
                co_yield i;
            }
        };
        CHECK(ex.run(generate() | subscribe_on(rt[0], 4) | weir::to<std::vector<int>>()) == first_numbers(20));
    }

    TEST_CASE("subscribe_on accepts the executor that it runs on") {
        weir::testing::virtual_executor ex;
        std::vector<int> got;
        ex.run(weir::iota(0, 100) | subscribe_on(ex, 8) | weir::for_each([&](int i) { got.push_back(i); }));
        ex.run(weir::iota(100, 200) | subscribe_on(ex) | weir::for_each([&](int i) { got.push_back(i); }));
        CHECK(got == first_numbers(200));
    }

    TEST_CASE("subscribe_on rejects n less than 1") {
        weir::testing::virtual_executor ex;
        CHECK_THROWS_WITH_AS(static_cast<void>(subscribe_on(ex, 0)),
                             "weir::subscribe_on(executor, n): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(subscribe_on(ex, -3)), std::invalid_argument);
    }

    TEST_CASE("subscribe_on: a large n allocates nothing until it is used, and too large an n throws") {
        weir::testing::virtual_executor ex;
        const auto text = [](int i) { return std::string(40, 'x') + std::to_string(i); };
        const auto all = ex.run(weir::iota(0, 1000) | weir::map(text) | subscribe_on(ex, std::size_t{1} << 62U) |
                                weir::to<std::vector>());
        CHECK(all.size() == 1000);
        CHECK(all.back() == text(999));
        CHECK_THROWS_WITH_AS(static_cast<void>(subscribe_on(ex, std::numeric_limits<std::size_t>::max())),
                             "weir::subscribe_on(executor, n): n: more than 9223372036854775807 items",
                             std::invalid_argument);
    }

    TEST_CASE("subscribe_on: a move that throws is an error and leaks nothing") {
        using item = support::items::throwing_move;
        for (int n = 1; n != 40; ++n) {
            CAPTURE(n);
            {
                weir::testing::virtual_executor ex;
                item::throw_at(n);
                try {
                    const auto made = [held = item(1)](int i) { return item(i * held.value()); };
                    int sum = 0;
                    ex.run(weir::iota(0, 4) | weir::map(made) | subscribe_on(ex, 2) |
                           weir::for_each([&](const item& i) { sum += i.value(); }));
                    CHECK(sum == 6);
                } catch (const item::thrown&) {}
                item::throw_at(0);
            }
            CHECK(item::alive() == 0);
        }
    }

    TEST_CASE("subscribe_on allocates nothing per item") {
        weir::testing::virtual_executor ex;
        for (const int n : {1, 8, 64}) {
            CHECK(support::allocations_for_more_items(
                      [&](int items) { ex.run(weir::iota(0, items) | subscribe_on(ex, n) | weir::drain()); }) == 0);
        }
    }
}
