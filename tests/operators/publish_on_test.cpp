// SPDX-License-Identifier: MIT
#include <weir/operators/publish_on.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <barrier>
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
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>

#include "allocations.hpp"
#include "item_types.hpp"
#include "self_drop.hpp"
#include "threads.hpp"
#include "token.hpp"

using support::first_numbers;
using support::only_on;
using support::thread_of;
using weir::publish_on;
using weir::task;

using namespace std::chrono_literals;

TEST_SUITE("threads/publish_on") {
    TEST_CASE("publish_on runs its left side here and its right side on the other executor, and returns the result") {
        weir::runtime rt{1};
        const auto there = thread_of(rt, 0);
        const auto here = std::this_thread::get_id();
        for (const int n : {1, 2, 3, 5, 64, 1000}) {
            CAPTURE(n);
            weir::executor ex;
            const auto got = ex.run(weir::iota(0, 3000) | only_on(here) | publish_on(rt[0], n) | only_on(there) |
                                    weir::to<std::vector<int>>());
            CHECK(got == first_numbers(3000));
        }
    }

    TEST_CASE("publish_on: several in a row pass items from executor to executor") {
        weir::runtime rt{3};
        weir::executor ex;
        const int sum = ex.run(weir::iota(0, 2000) | only_on(std::this_thread::get_id()) | publish_on(rt[0], 16) |
                               only_on(thread_of(rt, 0)) | publish_on(rt[1], 16) | only_on(thread_of(rt, 1)) |
                               publish_on(rt[2], 16) | only_on(thread_of(rt, 2)) |
                               weir::fold(0, [](int s, int i) { return s + i; }));
        CHECK(sum == 1999 * 1000);
    }

    TEST_CASE("publish_on: with subscribe_on the source runs on one executor, and the sink on another") {
        weir::runtime rt{2};
        weir::executor ex;
        CHECK(ex.run(weir::iota(0, 1000) | only_on(thread_of(rt, 0)) | weir::subscribe_on(rt[0], 16) |
                     only_on(std::this_thread::get_id()) | publish_on(rt[1], 16) | only_on(thread_of(rt, 1)) |
                     weir::count()) == 1000);
    }

    TEST_CASE("publish_on composes before it meets a stream") {
        weir::runtime rt{1};
        const auto there = thread_of(rt, 0);
        weir::executor ex;
        auto tail =
            publish_on(rt[0], 8) | only_on(there) | weir::filter([](int i) { return i % 2 == 0; }) | weir::count();
        CHECK(ex.run(weir::iota(0, 100) | weir::map([](int i) { return i; }) | std::move(tail)) == 50);
    }

    TEST_CASE("publish_on: operators with drivers and timers run on the other executor") {
        weir::runtime rt{1};
        weir::executor ex;
        const auto work = [&](int i) -> task<int> {
            co_await weir::sleep_for(10us);
            CHECK(weir::executor::current() == &rt[0]);
            co_return i;
        };
        CHECK(ex.run(weir::iota(0, 100) | publish_on(rt[0], 8) | weir::map_async(4, work) | weir::buffer(4) |
                     weir::to<std::vector<int>>()) == first_numbers(100));
    }

    TEST_CASE("publish_on: an error of upstream passes through the right side after the items") {
        weir::runtime rt{1};
        weir::executor ex;
        std::vector<int> got;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 100) | weir::map([](int i) {
                                        if (i == 30) throw std::runtime_error{"thirty"};
                                        return i;
                                    }) |
                                    publish_on(rt[0], 16) | weir::for_each([&](int i) { got.push_back(i); })),
                             "thirty", std::runtime_error);
        CHECK(got == first_numbers(30));
    }

    TEST_CASE("publish_on: an error on the other executor drops upstream here and is thrown here") {
        weir::runtime rt{1};
        weir::executor ex;
        support::witness here;
        support::witness there;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 1'000'000'000) | weir::map([t = here.make()](int i) { return i; }) |
                                    publish_on(rt[0], 16) | weir::for_each([t = there.make()](int i) {
                                        if (i == 300) throw std::runtime_error{"there"};
                                    })),
                             "there", std::runtime_error);
        CHECK(here.died() == std::this_thread::get_id());
        CHECK(there.died() == thread_of(rt, 0));
    }

    TEST_CASE("publish_on: a sink that ends early ends both sides at once") {
        weir::runtime rt{1};
        for (int n = 1; n != 100; ++n) {
            weir::executor ex;
            CHECK(ex.run(weir::iota(0, 1'000'000'000) | publish_on(rt[0], 1 + n % 7) | weir::take(n) | weir::count()) ==
                  static_cast<std::size_t>(n));
        }
        weir::executor ex;
        const auto work = [&]() -> task<std::size_t> {
            co_return co_await (weir::never<int>() | publish_on(rt[0], 4) | weir::take(0) | weir::count());
        };
        CHECK(ex.run(work()) == 0);
    }

    TEST_CASE("publish_on destroys the right side on the other executor before the result is delivered") {
        weir::runtime rt{1};
        support::witness w;
        const auto make = [&] {
            return weir::iota(0, 10) | publish_on(rt[0], 4) | weir::for_each([t = w.make()](int) {});
        };
        { [[maybe_unused]] const auto never_polled = make(); }
        CHECK(w.died() == std::this_thread::get_id());
        weir::executor ex;
        ex.run(make());
        CHECK(w.died() == thread_of(rt, 0));
    }

    TEST_CASE("publish_on: a drop destroys upstream at once and the right side on the other executor") {
        weir::runtime rt{1};
        const auto there = thread_of(rt, 0);
        for (int round = 0; round != 200; ++round) {
            support::witness here;
            support::witness far;
            {
                weir::executor ex;
                const auto work = [&]() -> task<> {
                    {
                        auto dropped =
                            ex.spawn(weir::iota(0, 1'000'000'000) | weir::map([t = here.make()](int i) { return i; }) |
                                     publish_on(rt[0], 1 + round % 9) | weir::for_each([t = far.make()](int) {}));
                        for (int i = 0; i <= round % 20; ++i) co_await weir::yield();
                    }
                    CHECK(here.alive() == 0);
                };
                ex.run(work());
            }
            far.wait();
            CHECK(far.died() == there);
        }
    }

    TEST_CASE("publish_on: a drop wakes an operation that waits on the other executor") {
        weir::runtime rt{1};
        support::witness w;
        {
            weir::executor ex;
            const auto work = [&]() -> task<> {
                auto waiting = ex.spawn(weir::iota(0, 10) | publish_on(rt[0], 4) |
                                        weir::for_each([t = w.make()](int) { return weir::sleep_for(1h); }));
                co_await weir::yield();
                co_await rt.spawn_on(0, []() -> task<> { co_return; });
            };
            ex.run(work());
        }
        w.wait();
        CHECK(w.died() == thread_of(rt, 0));
    }

    TEST_CASE("publish_on fails with stopped when the other executor is destroyed first") {
        for (int round = 0; round != 50; ++round) {
            std::optional<weir::runtime> rt{std::in_place, 1};
            support::witness here;
            support::witness far;
            weir::executor ex;
            const auto work = [&]() -> task<> {
                auto running =
                    ex.spawn(weir::iota(0, 1'000'000'000) | weir::map([t = here.make()](int i) { return i; }) |
                             publish_on((*rt)[0], 4) | weir::for_each([t = far.make()](int) {}));
                for (int i = 0; i != round; ++i) co_await weir::yield();
                if (round % 2 == 0) rt.reset(); // even before the first poll
                bool told = false;
                const auto later = [&]() -> task<> {
                    co_await weir::yield();
                    rt.reset();
                };
                auto end = ex.spawn(later());
                try {
                    co_await running;
                } catch (const weir::stopped&) {
                    told = true;
                }
                CHECK(told);
                CHECK(here.alive() == 0);
                CHECK(far.alive() == 0);
            };
            ex.run(work());
        }
    }

    TEST_CASE("publish_on: the executor that started the operation may be destroyed first") {
        weir::runtime rt{2};
        for (int round = 0; round != 50; ++round) {
            support::witness w;
            {
                weir::executor ex;
                ex.spawn(weir::iota(0, 1'000'000'000) | publish_on(rt[0], 4) | publish_on(rt[1], 4) |
                         weir::for_each([t = w.make()](int) {}))
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

    TEST_CASE("publish_on accepts move-only items and destroys the remaining ones") {
        weir::runtime rt{1};
        support::witness w;
        {
            weir::executor ex;
            CHECK(ex.run(weir::iota(0, 100) | weir::map([&](int) { return w.make(); }) | publish_on(rt[0], 16) |
                         weir::take(30) | weir::count()) == 30);
        }
        while (w.alive() != 0) w.wait(); // what is left in the queue goes with the last that knows it
    }

    TEST_CASE("publish_on accepts the executor that it runs on") {
        weir::testing::virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100) | publish_on(ex, 8) | weir::to<std::vector<int>>()) == first_numbers(100));
    }

    TEST_CASE("publish_on may be dropped by its upstream during a poll") {
        weir::testing::virtual_executor other;
        support::operation_drops_itself(
            [&](task<> t) { return weir::once(std::move(t)) | publish_on(other, 2) | weir::drain(); });
    }

    TEST_CASE("publish_on pulls n items beyond those that a busy consumer has received") {
        for (const int n : {1, 2, 3, 8}) {
            CAPTURE(n);
            weir::testing::virtual_executor ex;
            int pulled = 0;
            const auto count = [&](int i) {
                ++pulled;
                return i;
            };
            const auto hang = [](int) { return weir::never<int>() | weir::drain(); };
            const auto handle =
                ex.spawn(weir::iota(0, 100) | weir::map(count) | publish_on(ex, n) | weir::for_each(hang));
            CHECK(pulled == 0);
            ex.run_until_idle();
            CHECK(pulled >= n);
            CHECK(pulled <= n + 1);
        }
    }

    TEST_CASE("publish_on: a drop waits for the callable that runs on the other executor, and calls no other") {
        weir::runtime rt{1};
        weir::executor ex;
        for (int round = 0; round != 30; ++round) {
            std::atomic<bool> inside = false;
            std::atomic<int> calls = 0;
            std::atomic<bool> begun = false;
            const auto busy = [&](int) {
                inside = true;
                ++calls;
                begun = true;
                for (int i = 0; i != 100; ++i) std::this_thread::yield();
                inside = false;
            };
            const auto ready = [&](int i) -> task<int> {
                busy(i);
                co_return i;
            };
            {
                const auto by_drivers = weir::map_async(4, ready) | weir::buffer(4);
                auto handle =
                    ex.spawn(weir::iota(0, 1'000'000) | publish_on(rt[0], 64) | by_drivers | weir::for_each(busy));
                while (!begun) ex.turn(ex.now());
            }
            CHECK_FALSE(inside);
            const int before = calls;
            weir::spawn_on(rt[0], [] { return weir::yield(); }).get();
            CHECK(calls == before);
        }
    }

    TEST_CASE("publish_on does not wait when it is dropped with wait_when_dropped = false") {
        std::binary_semaphore begun{0};
        std::binary_semaphore goes_on{0};
        weir::runtime rt{1}; // its thread still uses them when the pipeline is gone
        weir::executor ex;
        const auto busy = [&](int i) {
            if (i != 0) return;
            begun.release();
            goes_on.acquire();
        };
        auto handle = std::optional{
            ex.spawn(weir::iota(0, 10) | publish_on(rt[0], 64, {.wait_when_dropped = false}) | weir::for_each(busy))};
        ex.turn(ex.now());
        begun.acquire();
        handle.reset(); // with the callable in the middle
        goes_on.release();
    }

    TEST_CASE("publish_on does not wait for an executor that no thread runs, which drops its part first") {
        weir::testing::virtual_executor here;
        weir::testing::virtual_executor there;
        int calls = 0;
        auto held = std::make_shared<int>();
        const auto count = [&calls, held](int) -> task<> {
            ++calls;
            co_await weir::yield();
        };
        {
            auto handle =
                here.spawn(weir::iota(0, 100) | publish_on(there, 8) | weir::map_async(2, count) | weir::drain());
            here.run_ready();
            there.turn(there.now());
            here.run_ready();
            CHECK(calls != 0);
        }
        const int before = calls;
        CHECK(held.use_count() > 2);
        there.turn(there.now());
        CHECK(calls == before);
        CHECK(held.use_count() == 2);
    }

    TEST_CASE("publish_on: two executors may drop pipelines of each other at the same time") {
        weir::runtime rt{2};
        for (int round = 0; round != 30; ++round) {
            std::barrier both{2};
            const auto side = [&](std::size_t self) {
                return weir::spawn_on(rt[self], [&, self]() -> task<> {
                    weir::executor& here = *weir::executor::current();
                    auto handle = std::optional{here.spawn(weir::iota(0, 1'000'000) | publish_on(rt[1 - self], 16) |
                                                           weir::for_each([](int) { return weir::yield(); }))};
                    for (int i = 0; i != 20; ++i) co_await weir::yield();
                    both.arrive_and_wait();
                    handle.reset();
                });
            };
            auto first = side(0);
            auto second = side(1);
            std::move(first).get();
            std::move(second).get();
        }
    }

    TEST_CASE("publish_on: a large n allocates nothing until it is used, and too large an n throws") {
        weir::testing::virtual_executor ex;
        const auto text = [](int i) { return std::string(40, 'x') + std::to_string(i); };
        const auto all = ex.run(weir::iota(0, 1000) | weir::map(text) | publish_on(ex, std::size_t{1} << 62U) |
                                weir::to<std::vector>());
        CHECK(all.size() == 1000);
        CHECK(all.back() == text(999));
        CHECK_THROWS_WITH_AS(static_cast<void>(publish_on(ex, std::numeric_limits<std::size_t>::max())),
                             "weir::publish_on(executor, n): n: more than 9223372036854775807 items",
                             std::invalid_argument);
    }

    TEST_CASE("publish_on: a move that throws is an error and leaks nothing") {
        using item = support::items::throwing_move;
        const auto made = [](int i) { return item(i); };
        for (int n = 1; n != 40; ++n) {
            CAPTURE(n);
            {
                weir::testing::virtual_executor ex;
                item::throw_at(n);
                try {
                    const auto add = [held = item(1)](int sum, const item& i) {
                        return sum + i.value() * held.value();
                    };
                    const int sum = ex.run(weir::iota(0, 4) | weir::map(made) | publish_on(ex, 2) | weir::fold(0, add));
                    CHECK(sum == 6);
                } catch (const item::thrown&) {}
                item::throw_at(0);
            }
            CHECK(item::alive() == 0);
        }
    }

    TEST_CASE("publish_on rejects n less than 1") {
        weir::testing::virtual_executor ex;
        CHECK_THROWS_WITH_AS(static_cast<void>(publish_on(ex, 0)),
                             "weir::publish_on(executor, n): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(publish_on(ex, -3)), std::invalid_argument);
    }

    TEST_CASE("publish_on allocates nothing per item") {
        weir::testing::virtual_executor ex;
        for (const int n : {1, 8, 64}) {
            CHECK(support::allocations_for_more_items(
                      [&](int items) { ex.run(weir::iota(0, items) | publish_on(ex, n) | weir::drain()); }) == 0);
        }
    }
}
