// SPDX-License-Identifier: MIT
// What does a function of each line cost when the threads of a pool call it?

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weir/operators/map.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/thread_pool.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

unsigned processors() { return std::max(2U, std::thread::hardware_concurrency()); }

std::string line(int64_t number) {
    std::string text(80, '.');
    for (char& digit : text) {
        digit = static_cast<char>('0' + number % 10);
        number = number / 10 + 7;
    }
    return text;
}

/// About as long as a SHA-1 of the line takes.
int64_t hash(const std::string& text) {
    std::uint64_t mixed = 1469598103934665603U;
    for (int round = 0; round != 6; ++round) {
        for (const char c : text) mixed = (mixed ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
    return static_cast<int64_t>(mixed >> 32U);
}

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

/// Threads that take shares of a thousand lines each from a queue.
class shares {
public:
    shares() {
        for (unsigned i = 0; i != processors(); ++i) threads_.emplace_back([this] { work(); });
    }
    void add(std::vector<std::string> share) {
        std::unique_lock lock{mutex_};
        room_.wait(lock, [this] { return queue_.size() < 2 * threads_.size(); });
        queue_.push_back(std::move(share));
        lock.unlock();
        available_.notify_one();
    }
    int64_t end() {
        {
            const std::lock_guard lock{mutex_};
            over_ = true;
        }
        available_.notify_all();
        for (std::thread& t : threads_) t.join();
        return sum_;
    }

private:
    void work() {
        std::unique_lock lock{mutex_};
        for (;;) {
            available_.wait(lock, [this] { return over_ || !queue_.empty(); });
            if (queue_.empty()) return;
            const std::vector<std::string> share = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            room_.notify_one();
            int64_t sum = 0;
            for (const std::string& text : share) sum += hash(text);
            lock.lock();
            sum_ += sum;
        }
    }

    std::mutex mutex_;
    std::condition_variable available_;
    std::condition_variable room_;
    std::deque<std::vector<std::string>> queue_;
    std::vector<std::thread> threads_;
    int64_t sum_ = 0;
    bool over_ = false;
};

int64_t in_shares(std::uint64_t n) {
    constexpr int64_t share = 1000;
    shares all;
    for (int64_t from = 0; from < static_cast<int64_t>(n); from += share) {
        std::vector<std::string> lines;
        const int64_t to = std::min(from + share, static_cast<int64_t>(n));
        for (int64_t i = from; i != to; ++i) lines.push_back(line(i));
        all.add(std::move(lines));
    }
    return all.end();
}

int64_t on_one_thread(std::uint64_t n) {
    int64_t sum = 0;
    for (int64_t i = 0; i != static_cast<int64_t>(n); ++i) sum += hash(line(i));
    return sum;
}

int64_t blocking(std::uint64_t n, std::size_t at_once) {
    weir::thread_pool pool{processors()};
    return weir::run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(line) |
                     weir::map_blocking(at_once, pool, hash) | weir::fold(int64_t{0}, add));
}

int64_t in_parallel(std::uint64_t n) {
    static weir::runtime rt{processors()};
    return weir::run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(line) |
                     weir::parallel(rt, weir::map(hash)) | weir::fold(int64_t{0}, add));
}

int64_t blocking_unordered(std::uint64_t n, std::size_t at_once) {
    weir::thread_pool pool{processors()};
    return weir::run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(line) |
                     weir::map_blocking_unordered(at_once, pool, hash) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does a function of each line cost when the threads of a pool call it?",
                      "ns/item", 200'000};
    q.floor("shares of 1000 lines to threads", in_shares);
    q.peer("one thread", on_one_thread);
    q.weir("map_blocking(64)", [](std::uint64_t n) { return blocking(n, 64); });
    q.weir("map_blocking(1024)", [](std::uint64_t n) { return blocking(n, 1024); });
    q.weir("map_blocking_unordered(1024)", [](std::uint64_t n) { return blocking_unordered(n, 1024); });
    q.weir("parallel", in_parallel);
    return q.run();
}
