// SPDX-License-Identifier: MIT
// What does it cost to run a function on another thread and to return its result?

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include <weir/operators/map_blocking.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/thread_pool.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

/// Passes one number to a thread and its answer back, each under a mutex with a condition variable.
class hand_off {
public:
    int64_t ask(int64_t x) {
        std::unique_lock lock{mutex_};
        question_ = x;
        asked_ = true;
        to_answer_.notify_one();
        answered_.wait(lock, [this] { return !asked_; });
        return answer_;
    }
    void end() {
        {
            const std::lock_guard lock{mutex_};
            over_ = true;
        }
        to_answer_.notify_one();
    }
    void work() {
        std::unique_lock lock{mutex_};
        for (;;) {
            to_answer_.wait(lock, [this] { return asked_ || over_; });
            if (over_) return;
            answer_ = question_;
            asked_ = false;
            answered_.notify_one();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable to_answer_;
    std::condition_variable answered_;
    int64_t question_ = 0;
    int64_t answer_ = 0;
    bool asked_ = false;
    bool over_ = false;
};

int64_t by_condition_variables(std::uint64_t n) {
    hand_off shared;
    std::thread answers{[&] { shared.work(); }};
    int64_t sum = 0;
    for (int64_t i = 0; i != static_cast<int64_t>(n); ++i) sum += shared.ask(i);
    shared.end();
    answers.join();
    return sum;
}

weir::thread_pool& pool() {
    static weir::thread_pool one{1};
    return one;
}

weir::executor& other() {
    static weir::runtime rt{1};
    return rt[0];
}

weir::task<int64_t> offloads(int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 0; i != n; ++i) sum += co_await weir::offload(pool(), [i] { return i; });
    co_return sum;
}

weir::task<int64_t> answer(int64_t i) { co_return i; }

weir::task<int64_t> spawns(int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 0; i != n; ++i) sum += co_await weir::spawn_on(other(), [i] { return answer(i); });
    co_return sum;
}

auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to run a function on another thread and to return its result?",
                      "ns/item", 50'000};
    q.floor("a condition variable each way", by_condition_variables);
    q.weir("offload", [](std::uint64_t n) { return weir::run(offloads(static_cast<int64_t>(n))); });
    q.weir("spawn_on", [](std::uint64_t n) { return weir::run(spawns(static_cast<int64_t>(n))); });
    q.weir("subscribe_on, one by one", [](std::uint64_t n) {
        return weir::run(numbers(n) | weir::subscribe_on(other()) | weir::fold(int64_t{0}, add));
    });
    q.weir("map_blocking(64)", [](std::uint64_t n) {
        return weir::run(numbers(n) | weir::map_blocking(64, pool(), [](int64_t x) { return x; }) |
                         weir::fold(int64_t{0}, add));
    });
    return q.run();
}
