// SPDX-License-Identifier: MIT
#include <weir/operators/parallel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <numbers.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>

#include "self_drop.hpp"
#include "token.hpp"

using support::first_numbers;
using weir::parallel;
using weir::parallel_options;
using weir::parallel_unordered;
using weir::task;

namespace {

using namespace std::chrono_literals;

auto same() {
    return weir::map([](int i) { return i; });
}

template <class Pipeline>
auto sorted(Pipeline pipeline) {
    weir::executor ex;
    auto got = ex.run(std::move(pipeline) | weir::to<std::vector<int>>());
    std::sort(got.begin(), got.end());
    return got;
}

} // namespace

TEST_SUITE("threads/parallel") {
    TEST_CASE("parallel emits results in the order of the items") {
        weir::runtime rt{3};
        for (const std::size_t room : {1U, 2U, 3U, 7U, 64U}) {
            CAPTURE(room);
            weir::executor ex;
            CHECK(ex.run(weir::iota(0, 2000) | parallel(rt, same(), {.capacity = room}) |
                         weir::to<std::vector<int>>()) == first_numbers(2000));
        }
    }

    TEST_CASE("parallel: every rail runs on an executor of its own") {
        weir::runtime rt{3};
        std::mutex mutex;
        std::set<std::thread::id> seen;
        const auto look = weir::map([&](int i) {
            const std::lock_guard lock{mutex};
            seen.insert(std::this_thread::get_id());
            return i;
        });
        weir::executor ex;
        ex.run(weir::iota(0, 300) | parallel(rt, look) | weir::drain());
        CHECK(seen.size() == 3);
        CHECK_FALSE(seen.contains(std::this_thread::get_id()));
    }

    TEST_CASE("parallel accepts more or fewer rails than executors") {
        weir::runtime rt{2};
        weir::executor ex;
        for (const std::size_t rails : {1U, 2U, 5U}) {
            CHECK(ex.run(weir::iota(0, 500) | parallel(rt, same(), {.rails = rails}) | weir::to<std::vector<int>>()) ==
                  first_numbers(500));
        }
    }

    TEST_CASE("parallel: a rail may emit any number of results for an item, and the order is kept") {
        weir::runtime rt{3};
        weir::executor ex;
        for (const std::size_t room : {1U, 4U, 64U}) {
            const auto odd = weir::filter([](int i) { return i % 2 == 1; });
            const auto got =
                ex.run(weir::iota(0, 1000) | parallel(rt, odd, {.capacity = room}) | weir::to<std::vector<int>>());
            REQUIRE(got.size() == 500);
            for (int i = 0; i != 500; ++i) CHECK(got[static_cast<std::size_t>(i)] == 2 * i + 1);

            const auto some =
                weir::map_concat([](int i) { return std::vector<int>(static_cast<std::size_t>(i % 4), i); });
            const auto repeated =
                ex.run(weir::iota(0, 1000) | parallel(rt, some, {.capacity = room}) | weir::to<std::vector<int>>());
            CHECK(repeated.size() == 1500);
            CHECK(std::is_sorted(repeated.begin(), repeated.end()));
        }
    }

    TEST_CASE("parallel: results that a rail emits at its end arrive at the end") {
        weir::runtime rt{2};
        weir::executor ex;
        const auto got =
            ex.run(weir::iota(0, 10) | parallel(rt, weir::chunk(100)) | weir::to<std::vector<std::vector<int>>>());
        CHECK(got == std::vector<std::vector<int>>{{0, 2, 4, 6, 8}, {1, 3, 5, 7, 9}});
    }

    TEST_CASE("parallel: rails that wait emit their results in order") {
        weir::runtime rt{3};
        weir::executor ex;
        const auto wait = weir::map_async(1, [](int i) -> task<int> {
            if (i % 7 == 0) co_await weir::sleep_for(10us);
            co_return i;
        });
        const auto got = ex.run(weir::iota(0, 500) | parallel(rt, wait) | weir::to<std::vector<int>>());
        CHECK(got.size() == 500);
    }

    TEST_CASE("parallel_unordered emits all results, and a slow rail delays no other") {
        weir::runtime rt{2};
        CHECK(sorted(weir::iota(0, 2000) | parallel_unordered(rt, same(), {.capacity = 3})) == first_numbers(2000));
        std::binary_semaphore all_others{0};
        std::atomic<int> others = 0;
        const auto first_is_slow = weir::map([&](int i) {
            if (i == 0) {
                all_others.acquire();
            } else if (++others == 90) {
                all_others.release();
            }
            return i;
        });
        CHECK(sorted(weir::iota(0, 100) | parallel_unordered(rt, first_is_slow, {.capacity = 4})) ==
              first_numbers(100));
    }

    TEST_CASE("parallel: a stream without items ends") {
        weir::runtime rt{2};
        weir::executor ex;
        CHECK(ex.run(weir::empty<int>() | parallel(rt, same()) | weir::count()) == 0);
        CHECK(ex.run(weir::empty<int>() | parallel_unordered(rt, same()) | weir::count()) == 0);
    }

    TEST_CASE("parallel: an error of upstream follows the results of the items before it") {
        weir::runtime rt{3};
        const auto failing = [] {
            return weir::iota(0, 1000) | weir::map([](int i) {
                       if (i == 100) throw std::runtime_error{"hundred"};
                       return i;
                   });
        };
        weir::executor ex;
        std::vector<int> got;
        const auto keep = weir::for_each([&](int i) { got.push_back(i); });
        CHECK_THROWS_WITH_AS(ex.run(failing() | parallel(rt, same()) | keep), "hundred", std::runtime_error);
        CHECK(got == first_numbers(100));
        got.clear();
        CHECK_THROWS_WITH_AS(ex.run(failing() | parallel_unordered(rt, same()) | keep), "hundred", std::runtime_error);
        std::sort(got.begin(), got.end());
        CHECK(got == first_numbers(100));
    }

    TEST_CASE("parallel: an error of a rail arrives in its place and cancels the other rails and upstream") {
        weir::runtime rt{3};
        const auto fails = weir::map([](int i) {
            if (i == 50) throw std::runtime_error{"fifty"};
            return i;
        });
        support::witness w;
        weir::executor ex;
        std::vector<int> got;
        auto results = weir::iota(0, 1'000'000'000) | weir::map([t = w.make()](int i) { return i; }) |
                       parallel(rt, fails, {.capacity = 8});
        const auto work = [&]() -> task<bool> {
            try {
                while (auto i = co_await weir::next(results)) got.push_back(*i);
            } catch (const std::runtime_error&) {
                CHECK(w.alive() == 0);
                co_return true;
            }
            co_return false;
        };
        CHECK(ex.run(work()));
        CHECK(got == first_numbers(50));
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0, 1'000'000'000) | parallel_unordered(rt, fails) | weir::drain()),
                             "fifty", std::runtime_error);
    }

    TEST_CASE("parallel: an ended rail receives no more items, and the stream ends when all rails have ended") {
        weir::runtime rt{3};
        weir::executor ex;
        const auto in_order =
            ex.run(weir::iota(0, 1'000'000'000) | parallel(rt, same() | weir::take(4)) | weir::to<std::vector<int>>());
        CHECK(in_order == first_numbers(12));
        CHECK(ex.run(weir::iota(0, 1'000'000'000) | parallel_unordered(rt, same() | weir::take(4)) | weir::count()) ==
              12);
    }

    TEST_CASE("parallel destroys the pipelines of its rails after it was dropped") {
        weir::runtime rt{2};
        struct copied {
            std::shared_ptr<support::witness> w;
            support::witness::token t;
            explicit copied(std::shared_ptr<support::witness> s) : w{std::move(s)}, t{w->make()} {}
            copied(const copied& other) : copied{other.w} {}
            copied(copied&&) = default;
            int operator()(int i) const { return i; }
        };
        for (int round = 0; round != 60; ++round) {
            const auto w = std::make_shared<support::witness>();
            {
                weir::executor ex;
                const auto n =
                    ex.run(weir::iota(0, 1'000'000'000) | parallel(rt, weir::map(copied{w}), {.capacity = 4}) |
                           weir::take(round) | weir::count());
                CHECK(n == static_cast<std::size_t>(round));
            }
            while (w->alive() != 0) w->wait();
        }
    }

    TEST_CASE("parallel fails with stopped when the runtime is destroyed first") {
        const auto stopped_after = [](int items, auto make) {
            std::optional<weir::runtime> rt{std::in_place, 2};
            weir::executor ex;
            auto results = weir::iota(0, 1'000'000'000) | make(*rt);
            const auto work = [&]() -> task<bool> {
                for (int i = 0; i != items; ++i) static_cast<void>(co_await weir::next(results));
                rt.reset();
                try {
                    while (co_await weir::next(results)) {}
                } catch (const weir::stopped&) {
                    co_return true;
                }
                co_return false;
            };
            return ex.run(work());
        };
        for (int items = 0; items != 30; ++items) {
            CHECK(stopped_after(items, [](weir::runtime& rt) { return parallel(rt, same(), {.capacity = 4}); }));
            CHECK(stopped_after(items,
                                [](weir::runtime& rt) { return parallel_unordered(rt, same(), {.capacity = 4}); }));
        }
    }

    TEST_CASE("parallel may be dropped with its executor, at any moment") {
        weir::runtime rt{2};
        for (int round = 0; round != 60; ++round) {
            weir::executor ex;
            ex.spawn(weir::iota(0, 1'000'000'000) | parallel(rt, same(), {.capacity = 2}) | weir::drain()).detach();
            ex.spawn(weir::iota(0, 1'000'000'000) | parallel_unordered(rt, same(), {.capacity = 2}) | weir::drain())
                .detach();
            const auto work = [&]() -> task<> {
                for (int i = 0; i <= round; ++i) co_await weir::yield();
            };
            ex.run(work());
        }
    }

    TEST_CASE("parallel may be dropped by its upstream") {
        weir::runtime rt{2};
        support::operation_drops_itself([&](task<> t) {
            return weir::once(std::move(t)) | weir::map([](auto) { return 1; }) | parallel(rt, same()) | weir::drain();
        });
        support::operation_drops_itself([&](task<> t) {
            return weir::once(std::move(t)) | weir::map([](auto) { return 1; }) | parallel_unordered(rt, same()) |
                   weir::drain();
        });
    }

    TEST_CASE("parallel: items and results may be move-only") {
        weir::runtime rt{2};
        weir::executor ex;
        int next = 0;
        ex.run(weir::iota(0, 200) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               parallel(rt, weir::map([](std::unique_ptr<int> p) { return p; })) |
               weir::for_each([&](const std::unique_ptr<int>& p) { CHECK(*p == next++); }));
        CHECK(next == 200);
    }

    TEST_CASE("parallel: upstream is pulled for the capacity and for the busy rails, and no further") {
        weir::runtime rt{1};
        weir::executor ex;
        std::atomic<int> begun = 0;
        const auto hang = [&](int) {
            ++begun;
            return weir::never<int>() | weir::drain();
        };
        int pulled = 0;
        const auto count = [&](int i) {
            ++pulled;
            return i;
        };
        const auto handle = ex.spawn(weir::iota(0, 100) | weir::map(count) |
                                     parallel(rt, weir::map_async(1, hang), {.capacity = 4}) | weir::drain());
        const auto there_and_back = [&]() -> task<> {
            while (begun == 0) co_await rt.spawn_on(0, [] { return weir::yield(); });
            for (int i = 0; i != 10; ++i) co_await rt.spawn_on(0, [] { return weir::yield(); });
        };
        ex.run(there_and_back());
        CHECK(begun == 1);
        CHECK(pulled >= 4);
        CHECK(pulled <= 5);
    }

    TEST_CASE("parallel rejects a capacity of 0") {
        weir::runtime rt{1};
        CHECK_THROWS_WITH_AS(static_cast<void>(parallel(rt, same(), {.capacity = 0})),
                             "weir::parallel: options.capacity must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(parallel_unordered(rt, same(), {.capacity = 0})),
                             "weir::parallel_unordered: options.capacity must be at least 1", std::invalid_argument);
        CHECK_THROWS_WITH_AS(
            static_cast<void>(parallel(rt, same(), {.capacity = std::numeric_limits<std::size_t>::max()})),
            "weir::parallel: options.capacity: more than 9223372036854775807 items", std::invalid_argument);
        CHECK_THROWS_WITH_AS(static_cast<void>(parallel(rt, same(), {.rails = 1'000'000})),
                             "weir::parallel: options.rails: more than 65536", std::invalid_argument);
    }
}
