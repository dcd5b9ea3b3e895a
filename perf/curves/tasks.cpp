// SPDX-License-Identifier: MIT
// How does the cost of a task grow with the number of living tasks?

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "../support/bench.hpp"

namespace {

using std::int64_t;

weir::task<int64_t> same(int64_t x) {
    co_await weir::yield();
    co_return x;
}

weir::task<int64_t> in_groups(int64_t count, int64_t alive) {
    weir::executor& ex = *co_await weir::this_executor();
    int64_t sum = 0;
    std::vector<weir::join_handle<weir::task<int64_t>>> group;
    group.reserve(static_cast<std::size_t>(alive));
    for (int64_t i = 0; i != count;) {
        for (; i != count && static_cast<int64_t>(group.size()) != alive; ++i) group.push_back(ex.spawn(same(i)));
        for (auto& one : group) sum += co_await std::move(one);
        group.clear();
    }
    co_return sum;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How does the cost of a task grow with the number of living tasks?", "ns/task",
                      1'000'000};
    for (const int64_t alive : {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000}) {
        q.weir("spawn, yield, join @ " + std::to_string(alive), [alive](std::uint64_t n) {
            weir::testing::virtual_executor ex;
            return ex.run(in_groups(static_cast<int64_t>(n), alive));
        });
    }
    return q.run();
}
