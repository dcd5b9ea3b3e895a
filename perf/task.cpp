// SPDX-License-Identifier: MIT
// What does it cost to create a task and await it, when it completes at once?

#include <cstdint>

#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

[[gnu::noinline]] bare::task<int64_t> bare_same(int64_t x) { co_return x; }

[[gnu::noinline]] bare::task<int64_t> bare_sum(int64_t count) {
    int64_t sum = 0;
    for (int64_t i = 0; i != count; ++i) {
        const auto one = bare_same(i);
        sum += co_await bare::run_in_place<int64_t>{one};
    }
    co_return sum;
}

int64_t bare_tasks(std::uint64_t n) {
    const auto all = bare_sum(static_cast<int64_t>(n));
    all.handle().resume();
    return all.handle().promise().result;
}

weir::task<int64_t> same(int64_t x) { co_return x; }

weir::task<int64_t> sum(int64_t count) {
    int64_t result = 0;
    for (int64_t i = 0; i != count; ++i) result += co_await same(i);
    co_return result;
}

int64_t tasks(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(sum(static_cast<int64_t>(n)));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to create a task and await it, when it completes at once?",
                      "ns/task", 3'000'000};
    q.floor("bare coroutine", bare_tasks);
    q.weir("create and await", tasks);
    return q.run();
}
