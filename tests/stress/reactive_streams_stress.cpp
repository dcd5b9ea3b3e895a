// SPDX-License-Identifier: MIT
// Subscribes from four threads to publishers and processors of two executors, with requests of random size from the
// threads and from inside on_next, cancels and destroyed subscriptions, and counts what each subscriber receives.
//
//     reactive_streams_stress [--rounds N] [--seed N]
//
// Round k has the seed N + k; it says which round failed, and why. 1000 rounds, the default, send more than 10^6 items.

#include <atomic>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>

#include "rounds.hpp"

namespace rs = weir::rs;

namespace {

std::atomic<std::uint64_t> items_received = 0;

/// Objects that must be gone in the end.
class counted {
public:
    counted() noexcept { alive.fetch_add(1); }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() {
        alive.fetch_sub(1);
        alive.notify_all();
    }

    static inline std::atomic<int> alive = 0;
};

class dice {
public:
    explicit dice(std::uint64_t seed) : engine_{seed} {}
    int below(int n) { return std::uniform_int_distribution{0, n - 1}(engine_); }
    bool one_in(int n) { return below(n) == 0; }

private:
    std::mt19937_64 engine_;
};

/// Expects 0, 1, 2, ... up to n.
class counting_subscriber final : public rs::subscriber<int> {
public:
    counting_subscriber(int n, std::uint64_t seed) : n_{n}, random_{seed} {}

    void on_subscribe(std::shared_ptr<rs::subscription> link) override {
        link_ = std::move(link);
        if (random_.one_in(2)) request(1 + random_.below(5));
    }
    void on_next(int item) override {
        if (inside_.exchange(true)) broken_ = "signals overlap";
        if (item != received_++) broken_ = "an item is lost, or twice";
        if (received_ > requested_.load()) broken_ = "more than was requested";
        items_received.fetch_add(1, std::memory_order_relaxed);
        if (random_.one_in(3)) request(1 + random_.below(3));
        if (random_.one_in(500)) cancel();
        inside_ = false;
    }
    void on_error(std::exception_ptr) override { end("an error"); }
    void on_complete() override { end(received_ == n_ ? nullptr : "the end comes early"); }

    void request(int n) {
        requested_ += n;
        link_->request(n);
    }
    void cancel() {
        cancelled_ = true;
        link_->cancel();
    }
    bool cancelled() const { return cancelled_; }
    bool over() const { return ended_ || cancelled_; }
    bool ended() const { return ended_; }
    /// To be asked when no signal comes any more.
    const char* broken() const { return broken_; }

private:
    void end(const char* broken) {
        if (ended_) broken_ = "two ends";
        if (broken != nullptr) broken_ = broken;
        ended_ = true;
    }

    const counted alive_;
    const int n_;
    dice random_;
    std::shared_ptr<rs::subscription> link_;
    std::atomic<std::int64_t> requested_ = 0;
    std::int64_t received_ = 0;
    std::atomic<const char*> broken_ = nullptr;
    std::atomic<bool> inside_ = false, ended_ = false, cancelled_ = false;
};

weir::async_stream<int> numbers(int n, std::uint64_t seed) {
    const counted alive;
    dice random{seed};
    for (int i = 0; i != n; ++i) {
        if (random.one_in(20)) co_await weir::yield();
        co_yield i;
    }
}

weir::task<> consume(std::shared_ptr<rs::publisher<int>> from, int n, int prefetch, int stop_at) {
    int received = 0;
    bool in_order = true;
    auto items = rs::from_publisher(std::move(from), prefetch);
    while (received != stop_at) {
        const auto item = co_await weir::next(items);
        if (!item) break;
        in_order = in_order && *item == received;
        ++received;
        items_received.fetch_add(1, std::memory_order_relaxed);
    }
    if (!in_order || received != (stop_at < n ? stop_at : n)) throw std::runtime_error{"from_publisher lost an item"};
}

void subscribe_some(weir::runtime& rt, std::uint64_t seed) {
    dice random{seed};
    for (int k = 0; k != 5; ++k) {
        const int n = random.below(300);
        std::shared_ptr<rs::publisher<int>> from =
            rs::to_publisher([n, seed] { return numbers(n, seed); }, rt[static_cast<std::size_t>(random.below(2))]);
        if (random.one_in(2)) {
            const auto stage =
                rs::to_processor<int>(weir::map([](int i) { return i; }), rt[static_cast<std::size_t>(random.below(2))],
                                      1 + random.below(20));
            from->subscribe(stage);
            from = stage;
        }
        if (random.one_in(4)) {
            const int prefetch = 1 + random.below(20), stop_at = random.one_in(2) ? random.below(100) : n + 1;
            auto running = weir::spawn_on(rt[static_cast<std::size_t>(random.below(2))],
                                          [=] { return consume(from, n, prefetch, stop_at); });
            from.reset();
            if (random.one_in(4)) continue; // drops it
            std::move(running).get();
            continue;
        }
        const auto to = std::make_shared<counting_subscriber>(n, seed + static_cast<std::uint64_t>(k));
        from->subscribe(to);
        from.reset();
        while (!to->over()) {
            to->request(1 + random.below(random.one_in(10) ? 1000 : 10));
            if (random.one_in(200)) to->cancel();
            if (random.one_in(3)) std::this_thread::yield();
        }
        if (random.one_in(3)) to->cancel(); // once more, or after the end
        while (to.use_count() != 1) std::this_thread::yield();
        if (const char* const broken = to->broken()) throw std::runtime_error{broken};
        if (!to->ended() && !to->cancelled()) throw std::runtime_error{"no end"};
    }
}

void round(weir::runtime& rt, std::uint64_t seed) {
    std::vector<std::exception_ptr> errors(4);
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i != errors.size(); ++i) {
        threads.emplace_back([&rt, seed = seed * errors.size() + i, &error = errors[i]] {
            try {
                subscribe_some(rt, seed);
            } catch (...) {
                error = std::current_exception();
            }
        });
    }
    for (std::thread& t : threads) t.join();
    for (const std::exception_ptr& e : errors) {
        if (e != nullptr) std::rethrow_exception(e);
    }
    for (int left = counted::alive; left != 0; left = counted::alive) counted::alive.wait(left);
}

} // namespace

int main(int argc, char** argv) {
    const int status = stress::run(argc, argv, 1000, round);
    std::cout << items_received << " items\n";
    return status;
}
