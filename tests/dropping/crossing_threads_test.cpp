// SPDX-License-Identifier: MIT
// Pipelines with a part on another thread, dropped by what they call on this one.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/thread_pool.hpp>

using namespace std::chrono_literals;

namespace {

/// Counts items that live, on whatever thread.
class crossing_item {
public:
    crossing_item(std::atomic<int>& live, int value) noexcept : live_{&live}, value_{value} { ++live; }
    crossing_item(crossing_item&& other) noexcept : live_{other.live_}, value_{other.value_} { ++*live_; }
    crossing_item& operator=(crossing_item&& other) noexcept {
        value_ = other.value_;
        return *this;
    }
    ~crossing_item() { --*live_; }

    int value() const noexcept { return value_; }

private:
    std::atomic<int>* live_;
    int value_;
};

using crossing_items = weir::async_stream<crossing_item>;

crossing_items numbers(std::atomic<int>& live) {
    for (int i = 0; i != 20; ++i) {
        crossing_item next{live, i};
        co_yield std::move(next);
        if (i % 4 == 3) co_await weir::yield();
    }
}

/// Drops the root at its n-th call.
class crossing_culprit {
public:
    explicit crossing_culprit(int n) noexcept : n_{n} {}

    void call() {
        if (calls_++ == n_) {
            drop();
            dropped_ = true;
        }
    }
    bool dropped() const noexcept { return dropped_; }

    std::function<void()> drop;

private:
    int n_;
    int calls_ = 0;
    bool dropped_ = false;
};

/// @param make  from the culprit, the count and the runtime to an operation
template <class Make>
void drop_from_this_thread(const char* name, Make make) {
    CAPTURE(name);
    weir::runtime rt{1};
    for (int n = 0; n != 12; ++n) {
        CAPTURE(n);
        for (const bool by_group : {false, true}) {
            CAPTURE(by_group);
            std::atomic<int> live = 0;
            weir::executor ex;
            crossing_culprit culprit{n};
            const auto program = [&]() -> weir::task<> {
                auto operation = weir::when_any(weir::with_timeout(1h, make(culprit, live, rt)), weir::sleep_for(1h));
                co_await operation;
            };
            std::optional<weir::join_handle<weir::task<>>> handle;
            weir::task_group group{ex};
            if (by_group) {
                group.spawn(program());
                culprit.drop = [&] { group.cancel(); };
            } else {
                handle.emplace(ex.spawn(program()));
                culprit.drop = [&] { handle.reset(); };
            }
            const auto end = std::chrono::steady_clock::now() + 5s;
            while (!culprit.dropped() && std::chrono::steady_clock::now() < end) {
                ex.turn(ex.now() + 1ms);
            }
            REQUIRE(culprit.dropped());
            for (int i = 0; i != 3; ++i) ex.turn(ex.now());
            CHECK(ex.stats().timers_armed == 0);
            // What another thread still holds comes back through the inbox.
            while (live != 0 && std::chrono::steady_clock::now() < end) ex.turn(ex.now());
            CHECK(live == 0);
        }
    }
}

} // namespace

TEST_SUITE("dropping/crossing_threads") {
    TEST_CASE("a pipeline with a part on another thread may be dropped by its consumer") {
        const auto looks = [](crossing_culprit& c) { return weir::for_each([&c](const crossing_item&) { c.call(); }); };
        drop_from_this_thread("subscribe_on", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
            return numbers(live) | weir::subscribe_on(rt[0]) | looks(c);
        });
        drop_from_this_thread("subscribe_on, ahead",
                              [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
                                  return numbers(live) | weir::subscribe_on(rt[0], 4) | looks(c);
                              });
        drop_from_this_thread("parallel", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
            return numbers(live) | weir::parallel(rt, weir::map([](crossing_item x) { return x; })) | looks(c);
        });
        drop_from_this_thread(
            "parallel_unordered", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
                return numbers(live) | weir::parallel_unordered(rt, weir::map([](crossing_item x) { return x; })) |
                       weir::buffer(2) | looks(c);
            });
        weir::thread_pool pool{2};
        drop_from_this_thread("map_blocking", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime&) {
            return numbers(live) | weir::map_blocking(2, pool, [](crossing_item x) { return x; }) | looks(c);
        });
        drop_from_this_thread("map_blocking_unordered", [&](crossing_culprit& c, std::atomic<int>& live,
                                                            weir::runtime&) {
            return numbers(live) | weir::map_blocking_unordered(2, pool, [](crossing_item x) { return x; }) | looks(c);
        });
    }

    TEST_CASE("a pipeline with a part on another thread may be dropped by its upstream") {
        const auto shows = [](crossing_culprit& c) { return weir::inspect([&c](const crossing_item&) { c.call(); }); };
        drop_from_this_thread("publish_on", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
            return numbers(live) | shows(c) | weir::publish_on(rt[0], 4) | weir::drain();
        });
        drop_from_this_thread("parallel", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime& rt) {
            return numbers(live) | shows(c) | weir::parallel(rt, weir::map([](crossing_item x) { return x; })) |
                   weir::drain();
        });
        weir::thread_pool pool{2};
        drop_from_this_thread("map_blocking", [&](crossing_culprit& c, std::atomic<int>& live, weir::runtime&) {
            return numbers(live) | shows(c) | weir::map_blocking(2, pool, [](crossing_item x) { return x; }) |
                   weir::drain();
        });
    }
}
