// SPDX-License-Identifier: MIT
// What does it cost to pass an item through a channel, from one thread to another?

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/threads/concurrent_channel.hpp>
#include <weir/threads/runtime.hpp>

#include "support/bare_ring.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr int64_t room = 64;
// A slow consumer sleeps after this many items, and then finds the channel full.
constexpr int64_t between_naps = 4096;
constexpr auto nap = std::chrono::microseconds{20};

/// A queue with a mutex and a condition variable.
class locked_queue {
public:
    void push(int64_t x) {
        std::unique_lock lock{mutex_};
        not_full_.wait(lock, [this] { return items_.size() != room; });
        items_.push_back(x);
        lock.unlock();
        not_empty_.notify_one();
    }
    int64_t pop() {
        std::unique_lock lock{mutex_};
        not_empty_.wait(lock, [this] { return !items_.empty(); });
        const int64_t x = items_.front();
        items_.pop_front();
        lock.unlock();
        not_full_.notify_one();
        return x;
    }

private:
    std::mutex mutex_;
    std::condition_variable not_full_;
    std::condition_variable not_empty_;
    std::deque<int64_t> items_;
};

template <class Queue>
int64_t by_hand(std::uint64_t n, bool naps = false) {
    const auto shared = std::make_unique<Queue>();
    const auto last = static_cast<int64_t>(n);
    std::thread producer{[&] {
        for (int64_t i = 0; i != last; ++i) shared->push(i);
    }};
    int64_t sum = 0;
    for (int64_t i = 0; i != last; ++i) {
        sum += shared->pop();
        if (naps && i % between_naps == 0) std::this_thread::sleep_for(nap);
    }
    producer.join();
    return sum;
}

/// A runtime with two threads, which lives until the program exits.
weir::runtime& executors() {
    static weir::runtime both{2};
    return both;
}

auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t pipelines(std::uint64_t n, int64_t capacity) {
    auto [tx, rx] = weir::concurrent_channel<int64_t>(capacity);
    auto sending =
        executors().spawn_on(0, [&, to = std::move(tx)]() mutable { return numbers(n) | weir::send(std::move(to)); });
    auto sum = executors().spawn_on(
        1, [from = std::move(rx)]() mutable { return std::move(from) | weir::fold(int64_t{0}, add); });
    std::move(sending).get();
    return std::move(sum).get();
}

weir::task<> produce(weir::concurrent_sender<int64_t> to, int64_t n) {
    for (int64_t i = 0; i != n; ++i) {
        if (!co_await to.send(i)) co_return;
    }
}

weir::task<int64_t> consume(weir::concurrent_receiver<int64_t> from) {
    int64_t sum = 0;
    while (auto item = co_await weir::next(from)) sum += *item;
    co_return sum;
}

weir::task<int64_t> consume_slowly(weir::concurrent_receiver<int64_t> from) {
    int64_t sum = 0;
    while (auto item = co_await weir::next(from)) {
        sum += *item;
        if (*item % between_naps == 0) co_await weir::sleep_for(nap);
    }
    co_return sum;
}

template <class Consume>
int64_t tasks(std::uint64_t n, Consume consumer) {
    auto [tx, rx] = weir::concurrent_channel<int64_t>(room);
    auto sending = executors().spawn_on(
        0, [n, to = std::move(tx)]() mutable { return produce(std::move(to), static_cast<int64_t>(n)); });
    auto sum = executors().spawn_on(1, [&, from = std::move(rx)]() mutable { return consumer(std::move(from)); });
    std::move(sending).get();
    return std::move(sum).get();
}

int64_t threads(std::uint64_t n) {
    auto [tx, rx] = weir::concurrent_channel<int64_t>(room);
    std::thread producer{[n, to = std::move(tx)] {
        for (int64_t i = 0; i != static_cast<int64_t>(n); ++i) to.send_blocking(i);
    }};
    int64_t sum = 0;
    while (auto item = rx.receive_blocking()) sum += *item;
    producer.join();
    return sum;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to pass an item through a channel, from one thread to another?",
                      "ns/item", 2'000'000};
    q.floor("a ring of 64, spinning", [](std::uint64_t n) { return by_hand<bare::ring<room>>(n); });
    q.peer("mutex and condition variables", [](std::uint64_t n) { return by_hand<locked_queue>(n); });
    q.weir("channel(64), pipelines", [](std::uint64_t n) { return pipelines(n, room); });
    q.weir("channel(64), coroutines", [](std::uint64_t n) { return tasks(n, consume); });
    q.weir("channel(64), threads", threads);
    for (const int64_t capacity : {1, 16, 1024}) {
        q.weir("channel(" + std::to_string(capacity) + "), pipelines",
               [capacity](std::uint64_t n) { return pipelines(n, capacity); });
    }
    q.peer("a ring of 64, slow consumer", [](std::uint64_t n) { return by_hand<bare::ring<room>>(n, true); });
    q.peer("mutex and condition variables, slow consumer",
           [](std::uint64_t n) { return by_hand<locked_queue>(n, true); });
    q.weir("channel(64), slow consumer", [](std::uint64_t n) { return tasks(n, consume_slowly); });
    return q.run();
}
