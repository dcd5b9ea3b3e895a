// SPDX-License-Identifier: MIT
#include <weir/threads/offload.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"

using weir::offload;
using weir::thread_pool;

namespace {

/// Holds a thread of a pool until it is let go.
struct gate {
    std::binary_semaphore entered{0};
    std::binary_semaphore open{0};

    auto job() {
        return [this] {
            entered.release();
            open.acquire();
            return 1;
        };
    }
};

/// Tells on which thread it died.
struct witness {
    std::shared_ptr<std::atomic<std::thread::id>> died = std::make_shared<std::atomic<std::thread::id>>();

    struct token {
        std::shared_ptr<std::atomic<std::thread::id>> died;
        explicit token(std::shared_ptr<std::atomic<std::thread::id>> d) : died{std::move(d)} {}
        token(token&&) = default;
        ~token() {
            if (died) died->store(std::this_thread::get_id());
        }
    };
    token make() const { return token{died}; }
    bool dead() const { return died->load() != std::thread::id{}; }
};

} // namespace

TEST_SUITE("threads/offload") {
    TEST_CASE("offload runs its function on a thread of the pool and returns the result to the executor") {
        thread_pool pool{2};
        const auto here = std::this_thread::get_id();
        const auto ask = [&]() -> weir::task<std::string> {
            const auto there = co_await offload(pool, [] { return std::this_thread::get_id(); });
            CHECK(there != here);
            CHECK(std::this_thread::get_id() == here);
            std::string text = co_await offload(pool, [] { return std::string(100, 'x'); });
            co_await offload(pool, [] {});
            co_return text;
        };
        CHECK(weir::run(ask()) == std::string(100, 'x'));
    }

    TEST_CASE("offload rethrows an exception of the function in the awaiting coroutine") {
        thread_pool pool{1};
        CHECK_THROWS_WITH_AS(weir::run(offload(pool, []() -> int { throw std::runtime_error{"in the pool"}; })),
                             "in the pool", std::runtime_error);
    }

    TEST_CASE("offload: functions and results may be move-only, and results may be references") {
        thread_pool pool{1};
        auto number = std::make_unique<int>(7);
        int* const there = number.get();
        CHECK(weir::run(offload(pool, [n = std::move(number)]() mutable { return std::move(n); })).get() == there);
        int object = 0;
        weir::executor ex;
        CHECK(&ex.run(offload(pool, [&]() -> int& { return object; })) == &object);
    }

    TEST_CASE("offload destroys the function on the thread that called it") {
        thread_pool pool{1};
        witness w;
        std::thread::id ran;
        weir::run(offload(pool, [&, t = w.make()] { ran = std::this_thread::get_id(); }));
        CHECK(w.died->load() == ran);
    }

    TEST_CASE("offload starts nothing before the first poll") {
        thread_pool pool{1};
        std::atomic<int> calls = 0;
        {
            [[maybe_unused]] auto never = offload(pool, [&] { ++calls; });
        }
        CHECK(pool.queued() == 0);
        CHECK(calls == 0);
    }

    TEST_CASE("offload starts jobs in order and returns all results") {
        thread_pool pool{1};
        weir::executor ex;
        std::vector<int> order;
        const auto work = [&]() -> weir::task<int> {
            int sum = 0;
            std::vector<weir::join_handle<weir::detail::offload_operation<std::function<int()>>>> all;
            for (int i = 0; i != 100; ++i) {
                all.push_back(ex.spawn(offload(pool, std::function<int()>{[&order, i] {
                                                   order.push_back(i); // one thread
                                                   return i;
                                               }})));
            }
            for (auto& one : all) sum += co_await one;
            co_return sum;
        };
        CHECK(ex.run(work()) == 4950);
        for (int i = 0; i != 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
    }

    TEST_CASE("offload: a job that has not started is withdrawn when it is dropped") {
        thread_pool pool{1};
        gate first;
        std::atomic<int> calls = 0;
        weir::executor ex;
        const auto work = [&]() -> weir::task<> {
            auto holding = ex.spawn(offload(pool, first.job()));
            co_await weir::yield();
            first.entered.acquire();
            {
                auto dropped = ex.spawn(offload(pool, [&] { ++calls; }));
                co_await weir::yield();
                CHECK(pool.queued() == 1);
            }
            CHECK(pool.queued() == 0);
            first.open.release();
            CHECK(co_await holding == 1);
        };
        ex.run(work());
        CHECK(calls == 0);
    }

    TEST_CASE("offload: a drop does not wait for a running job, whose captures live until it ends") {
        gate running;
        witness w;
        {
            thread_pool pool{1};
            {
                weir::executor ex;
                const auto work = [&]() -> weir::task<> {
                    {
                        auto dropped = ex.spawn(offload(pool, [t = w.make(), job = running.job()]() mutable {
                            return std::make_unique<int>(job());
                        }));
                        co_await weir::yield();
                        running.entered.acquire();
                    }
                    CHECK_FALSE(w.dead());
                };
                ex.run(work());
            }
            // Its executor is gone, too.
            CHECK_FALSE(w.dead());
            running.open.release();
        }
        CHECK(w.dead());
    }

    TEST_CASE("offload discards a result whose executor was destroyed") {
        for (int round = 0; round != 200; ++round) {
            thread_pool pool{1};
            std::optional<weir::executor> ex{std::in_place};
            auto handle = ex->spawn(offload(pool, [] { return std::make_unique<int>(1); }));
            const auto start = []() -> weir::task<> { co_await weir::yield(); };
            ex->run(start());
            if (round % 2 == 0) {
                ex.reset();
            } else {
                [[maybe_unused]] const auto dropped = std::move(handle);
            }
        }
    }

    TEST_CASE("offload: a closed pool refuses waiting and new jobs and finishes running ones") {
        thread_pool pool{1};
        gate first;
        weir::executor ex;
        const auto work = [&]() -> weir::task<> {
            auto holding = ex.spawn(offload(pool, first.job()));
            auto waiting = ex.spawn(offload(pool, [] { return 2; }));
            co_await weir::yield();
            first.entered.acquire();
            pool.close();
            bool refused = false;
            try {
                co_await waiting;
            } catch (const weir::pool_closed&) {
                refused = true;
            }
            CHECK(refused);
            refused = false;
            try {
                co_await offload(pool, [] { return 3; });
            } catch (const weir::pool_closed& e) {
                refused = std::string{e.what()} == "weir::offload: the thread pool is closed";
            }
            CHECK(refused);
            first.open.release();
            CHECK(co_await holding == 1);
        };
        ex.run(work());
    }

    TEST_CASE("offload: an operation may outlive its pool") {
        std::optional<thread_pool> pool{std::in_place, 1};
        weir::executor ex;
        auto never_started = offload(*pool, [] { return 1; });
        gate first;
        const auto work = [&]() -> weir::task<> {
            auto holding = ex.spawn(offload(*pool, first.job()));
            auto waiting = ex.spawn(offload(*pool, [] { return 2; }));
            co_await weir::yield();
            first.entered.acquire();
            first.open.release();
            pool.reset();
            CHECK(co_await holding == 1);
            int refused = 0;
            try {
                co_await waiting; // unless its turn came before the pool's end
            } catch (const weir::pool_closed&) {}
            try {
                co_await never_started;
            } catch (const weir::pool_closed&) {
                ++refused;
            }
            CHECK(refused == 1);
        };
        ex.run(work());
    }

    TEST_CASE("offload: a job that owns the last handle on its pool may end it") {
        gate running;
        auto pool = std::make_shared<thread_pool>(1);
        std::binary_semaphore ended{0};
        struct at_end {
            std::binary_semaphore& ended;
            ~at_end() { ended.release(); }
        };
        weir::executor ex;
        const auto work = [&]() -> weir::task<> {
            auto dropped = ex.spawn(
                offload(*pool, [&, last = std::make_unique<at_end>(ended), pool, job = running.job()]() mutable {
                    job();
                    pool.reset();
                }));
            co_await weir::yield();
            running.entered.acquire();
            pool.reset();
        };
        ex.run(work());
        running.open.release();
        ended.acquire();
    }

    TEST_CASE("offload: a pool with a full queue rejects jobs") {
        thread_pool pool{1, {.max_queued = 1}};
        gate first;
        weir::executor ex;
        const auto work = [&]() -> weir::task<> {
            auto holding = ex.spawn(offload(pool, first.job()));
            co_await weir::yield();
            first.entered.acquire();
            auto waiting = ex.spawn(offload(pool, [] { return 2; }));
            co_await weir::yield();
            std::string refused;
            try {
                co_await offload(pool, [] { return 3; });
            } catch (const weir::limit_exceeded& e) {
                refused = e.what();
            }
            CHECK(refused == "weir::offload: the thread pool is behind: 1 jobs are queued");
            first.open.release();
            CHECK(co_await holding == 1);
            CHECK(co_await waiting == 2);
        };
        ex.run(work());
    }

    TEST_CASE("offload: a pool without threads is rejected") {
        CHECK_THROWS_WITH_AS(thread_pool{0}, "weir::thread_pool: there must be at least 1 thread",
                             std::invalid_argument);
        CHECK_THROWS_AS(thread_pool{-1}, std::invalid_argument);
    }

#if WEIR_POOL_FRAMES
    TEST_CASE("offload allocates nothing per job in a steady state") {
        thread_pool pool{1};
        weir::executor ex;
        CHECK(support::allocations_for_more_items([&](int n) {
                  const auto work = [&]() -> weir::task<> {
                      for (int i = 0; i != n / 10; ++i)
                          co_await offload(pool, [i] { return i; }); // gcc12: an int has no destructor
                  };
                  ex.run(work());
              }) == 0);
    }
#endif
}
