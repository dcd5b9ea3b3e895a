// SPDX-License-Identifier: MIT
// What does it cost to yield to the run queue and come back?

#include <cstdint>

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

[[gnu::noinline]] bare::task<int64_t> bare_count(bare::queue& ready, int64_t count) {
    int64_t sum = 0;
    for (int64_t i = 0; i != count; ++i) {
        co_await ready.yield();
        sum += i;
    }
    co_return sum;
}

int64_t run_queue(std::uint64_t n) {
    bare::queue ready;
    const auto all = bare_count(ready, static_cast<int64_t>(n));
    ready.push(all.handle());
    ready.run();
    return all.handle().promise().result;
}

weir::task<int64_t> count(int64_t most) {
    int64_t sum = 0;
    for (int64_t i = 0; i != most; ++i) {
        co_await weir::yield();
        sum += i;
    }
    co_return sum;
}

int64_t yields(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(count(static_cast<int64_t>(n)));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to yield to the run queue and come back?", "ns/yield", 3'000'000};
    q.floor("bare coroutine and a ring", run_queue);
    q.weir("yield", yields);
    return q.run();
}
