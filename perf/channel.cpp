// SPDX-License-Identifier: MIT
// What does it cost to pass an item through a channel, between two tasks on one thread?

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weir/scope/when_all.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/source/iota.hpp>
#include <weir/sync/channel.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr int64_t room = 64;

/// A buffer that one function fills and another empties, in turn.
class two_loops {
public:
    explicit two_loops(std::uint64_t n) : n_{static_cast<int64_t>(n)}, buffer_(room) {}

    int64_t run() {
        while (received_ != n_) {
            fill();
            empty();
        }
        return sum_;
    }

private:
    [[gnu::noinline]] void fill() {
        for (; sent_ != n_ && sent_ - received_ != room; ++sent_) buffer_[at(sent_)] = sent_;
    }
    [[gnu::noinline]] void empty() {
        for (; received_ != sent_; ++received_) sum_ += buffer_[at(received_)];
    }
    static std::size_t at(int64_t i) { return static_cast<std::size_t>(i % room); }

    int64_t n_;
    std::vector<int64_t> buffer_;
    int64_t sent_ = 0;
    int64_t received_ = 0;
    int64_t sum_ = 0;
};

int64_t floor_loops(std::uint64_t n) { return two_loops{n}.run(); }

weir::task<> produce(weir::sender<int64_t> to, int64_t n) {
    for (int64_t i = 0; i != n; ++i) {
        if (!co_await to.send(i)) co_return;
    }
}

weir::task<> consume(weir::receiver<int64_t> from, int64_t& sum) {
    while (auto item = co_await weir::next(from)) sum += *item;
}

int64_t tasks(std::uint64_t n, int64_t capacity) {
    weir::testing::virtual_executor ex;
    int64_t sum = 0;
    auto [to, from] = weir::channel<int64_t>(capacity);
    ex.run(weir::when_all(produce(std::move(to), static_cast<int64_t>(n)), consume(std::move(from), sum)));
    return sum;
}

int64_t pipelines(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    auto [to, from] = weir::channel<int64_t>(room);
    const auto done = ex.run(
        weir::when_all(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::send(std::move(to)),
                       std::move(from) | weir::fold(int64_t{0}, [](int64_t sum, int64_t x) { return sum + x; })));
    return std::get<1>(done);
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What does it cost to pass an item through a channel, between two tasks on one thread?",
                      "ns/item", 4'000'000};
    q.floor("a ring, filled and emptied in turn", floor_loops);
    q.weir("channel(64), pipelines", pipelines);
    q.weir("channel(64), coroutines", [](std::uint64_t n) { return tasks(n, room); });
    for (int64_t capacity = 0; capacity <= 4096; capacity = std::max<int64_t>(1, 4 * capacity)) {
        q.weir("channel(" + std::to_string(capacity) + ')', [capacity](std::uint64_t n) { return tasks(n, capacity); });
    }
    return q.run();
}
