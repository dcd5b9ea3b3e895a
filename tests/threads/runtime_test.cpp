// SPDX-License-Identifier: MIT
#include <weir/threads/runtime.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include <weir/executor/sleep.hpp>
#include <weir/interop/to_future.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/task.hpp>

using weir::runtime;

namespace {

using namespace std::chrono_literals;

weir::task<std::thread::id> this_thread() { co_return std::this_thread::get_id(); }

} // namespace

TEST_SUITE("threads/runtime") {
    TEST_CASE("runtime: every executor has a thread of its own, and keeps it") {
        runtime rt{3};
        CHECK(rt.size() == 3);
        std::set<std::thread::id> all{std::this_thread::get_id()};
        for (std::size_t i = 0; i != rt.size(); ++i) {
            const auto first = rt.spawn_on(i, this_thread).get();
            all.insert(first);
            CHECK(rt.spawn_on(i, this_thread).get() == first);
            CHECK(weir::to_future(rt[i], this_thread()).get() == first);
        }
        CHECK(all.size() == 4);
    }

    TEST_CASE("runtime has one executor per processor by default") {
        runtime rt;
        CHECK(rt.size() >= 1);
        CHECK(rt.size() <= std::thread::hardware_concurrency());
    }

    TEST_CASE("runtime: threads may be pinned, and share processors when there are more of them") {
        runtime rt{5, {.pin = weir::cpus::each}};
        const auto processors = []() -> weir::task<int> {
            cpu_set_t set;
            CPU_ZERO(&set);
            REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
            co_return CPU_COUNT(&set);
        };
        for (std::size_t i = 0; i != rt.size(); ++i) CHECK(rt.spawn_on(i, processors).get() == 1);
    }

    TEST_CASE("runtime: code on one executor may start operations on another") {
        runtime rt{4};
        // Around all executors, three times.
        struct round {
            static weir::task<int> go(runtime& on, std::size_t at, int left) {
                if (left == 0) co_return 0;
                const std::size_t next = (at + 1) % on.size();
                const auto hop = [&on, next, left] { return go(on, next, left - 1); };
                int rest = co_await on.spawn_on(next, hop);
                co_return rest + 1;
            }
        };
        CHECK(rt.spawn_on(0, [&] { return round::go(rt, 0, 12); }).get() == 12);
    }

    TEST_CASE("runtime joins cleanly with operations in flight") {
        for (int turn = 0; turn != 50; ++turn) {
            std::atomic<int> alive = 0;
            struct counted {
                std::atomic<int>* n;
                explicit counted(std::atomic<int>& count) : n{&count} { ++*n; }
                counted(counted&& other) noexcept : n{std::exchange(other.n, nullptr)} {}
                ~counted() {
                    if (n != nullptr) --*n;
                }
            };
            {
                runtime rt{3};
                for (std::size_t i = 0; i != 3; ++i) {
                    for (int k = 0; k != 4; ++k) {
                        rt.spawn_on(i, [&rt, i, k, c = counted{alive}]() -> weir::task<> {
                              // Each waits for what another executor does, which may die first.
                              try {
                                  for (int n = 0;; ++n) {
                                      const auto work = [n, k]() -> weir::task<> {
                                          if (n % 5 == k) co_await weir::sleep_for(1us);
                                          co_await weir::yield();
                                      };
                                      co_await rt.spawn_on((i + 1) % 3, work);
                                  }
                              } catch (const weir::stopped&) {}
                          }).detach();
                    }
                }
                for (int k = 0; k != turn; ++k) std::this_thread::yield();
            }
            CHECK(alive == 0);
        }
    }

    TEST_CASE("runtime runs the cleanups of async_finally before its threads end") {
        std::atomic<int> done = 0;
        {
            runtime rt{2};
            std::binary_semaphore begun{0};
            rt.spawn_on(0, [&]() -> weir::task<> {
                  weir::async_finally guard{1s, [&]() -> weir::task<> {
                                                co_await weir::yield();
                                                ++done;
                                            }};
                  begun.release();
                  co_await weir::sleep_for(1h);
              }).detach();
            begun.acquire();
        }
        CHECK(done == 1);
    }

    TEST_CASE("runtime: stop has no effect on its executors") {
        runtime rt{1};
        rt[0].stop();
        CHECK(rt.spawn_on(0, this_thread).get() != std::thread::id{});
    }

    TEST_CASE("runtime: a future of an operation that is dropped with it throws") {
        std::future<void> never;
        {
            runtime rt{1};
            never = weir::to_future(rt[0], weir::sleep_for(1h));
        }
        CHECK_THROWS_AS(never.get(), weir::stopped);
    }

    TEST_CASE("runtime rejects wrong numbers with an error that contains them") {
        CHECK_THROWS_WITH_AS(runtime{0}, "weir::runtime(n): there must be at least 1 executor", std::invalid_argument);
        runtime rt{2};
        CHECK_THROWS_WITH_AS(rt.at(2), "weir::runtime: there is no executor 2: there are 2", std::out_of_range);
        CHECK_THROWS_AS(static_cast<void>(rt.spawn_on(7, this_thread)), std::out_of_range);
    }
}
