// SPDX-License-Identifier: MIT
// What does it cost to pass an item from one thread's executor to another's?

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <weir/operators/publish_on.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/runtime.hpp>

#include "support/bare_ring.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

template <std::size_t Room>
int64_t by_ring(std::uint64_t n) {
    const auto shared = std::make_unique<bare::ring<Room>>();
    const auto last = static_cast<int64_t>(n);
    std::thread producer{[&] {
        for (int64_t i = 0; i != last; ++i) shared->push(i);
    }};
    int64_t sum = 0;
    for (int64_t i = 0; i != last; ++i) sum += shared->pop();
    producer.join();
    return sum;
}

/// A runtime with two threads, which lives until the program exits.
weir::runtime& executors() {
    static weir::runtime both{2};
    return both;
}

template <class Pipeline>
int64_t on_the_first(Pipeline pipeline) {
    return executors().spawn_on(0, [&] { return std::move(pipeline); }).get();
}

auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }

int64_t published(std::uint64_t n, int64_t room) {
    return on_the_first(numbers(n) | weir::publish_on(executors()[1], room) | weir::fold(int64_t{0}, add));
}

int64_t subscribed(std::uint64_t n, int64_t room) {
    return on_the_first(numbers(n) | weir::subscribe_on(executors()[1], room) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to pass an item from one thread's executor to another's?",
                      "ns/item", 4'000'000};
    q.floor("a ring of 256", by_ring<256>);
    q.weir("publish_on(256)", [](std::uint64_t n) { return published(n, 256); });
    q.weir("subscribe_on(256)", [](std::uint64_t n) { return subscribed(n, 256); });
    for (const int64_t room : {16, 64, 1024}) {
        q.weir("publish_on(" + std::to_string(room) + ')', [room](std::uint64_t n) { return published(n, room); });
    }
    return q.run();
}
