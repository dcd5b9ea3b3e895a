// SPDX-License-Identifier: MIT
// How does the cost of an item change with the size of a buffer between producer and consumer?

#include <cstdint>
#include <string>
#include <utility>

#include <weir/operators/buffer.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/send.hpp>
#include <weir/source/iota.hpp>
#include <weir/sync/channel.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/threads/runtime.hpp>

#include "../support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };
auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }

int64_t buffered(std::uint64_t n, int64_t size) {
    weir::testing::virtual_executor ex;
    return ex.run(numbers(n) | weir::buffer(size) | weir::fold(int64_t{0}, add));
}

int64_t through_a_channel(std::uint64_t n, int64_t size) {
    weir::testing::virtual_executor ex;
    auto ends = weir::channel<int64_t>(size);
    auto sending = ex.spawn(numbers(n) | weir::send(std::move(ends.sender)));
    return ex.run(std::move(ends.receiver) | weir::fold(int64_t{0}, add));
}

int64_t from_another_thread(std::uint64_t n, int64_t size) {
    static weir::runtime other{1};
    weir::executor ex;
    return ex.run(numbers(n) | weir::subscribe_on(other[0], size) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "How does the cost of an item change with the size of a buffer between producer and consumer?",
                      "ns/item", 500'000};
    for (const int64_t size : {1, 4, 16, 64, 256, 1'024, 4'096}) {
        const std::string at = " @ " + std::to_string(size);
        q.weir("buffer(n)" + at, [size](std::uint64_t n) { return buffered(n, size); });
        q.weir("channel(n)" + at, [size](std::uint64_t n) { return through_a_channel(n, size); });
        q.weir("subscribe_on(n)" + at, [size](std::uint64_t n) { return from_another_thread(n, size); });
    }
    return q.run();
}
