// SPDX-License-Identifier: MIT
// What does it cost to spawn a task on the executor and join it?

#include <cstdint>

#include <weir/executor/executor.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

struct spawned_promise : bare::promise_base {
    bare::owner<spawned_promise> get_return_object() noexcept {
        return bare::owner<spawned_promise>{std::coroutine_handle<spawned_promise>::from_promise(*this)};
    }
    void return_value(int64_t value) noexcept {
        result = value;
        if (joiner) ready->push(joiner);
    }

    int64_t result = 0;
    bare::queue* ready = nullptr;
    std::coroutine_handle<> joiner;
};
using spawned = bare::owner<spawned_promise>;

[[gnu::noinline]] spawned bare_same(int64_t x) { co_return x; }

struct join {
    const spawned& what;

    bool await_ready() const noexcept { return what.handle().done(); }
    void await_suspend(std::coroutine_handle<> waiting) const noexcept { what.handle().promise().joiner = waiting; }
    int64_t await_resume() const noexcept { return what.handle().promise().result; }
};

[[gnu::noinline]] bare::task<int64_t> bare_sum(bare::queue& ready, int64_t count) {
    int64_t sum = 0;
    for (int64_t i = 0; i != count; ++i) {
        const auto one = bare_same(i);
        one.handle().promise().ready = &ready;
        ready.push(one.handle());
        sum += co_await join{one};
    }
    co_return sum;
}

int64_t run_queue(std::uint64_t n) {
    bare::queue ready;
    const auto all = bare_sum(ready, static_cast<int64_t>(n));
    ready.push(all.handle());
    ready.run();
    return all.handle().promise().result;
}

weir::task<int64_t> same(int64_t x) { co_return x; }

weir::task<int64_t> sum(weir::executor& ex, int64_t count) {
    int64_t result = 0;
    for (int64_t i = 0; i != count; ++i) {
        auto handle = ex.spawn(same(i));
        result += co_await handle;
    }
    co_return result;
}

int64_t spawn_and_join(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(sum(ex, static_cast<int64_t>(n)));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does it cost to spawn a task on the executor and join it?", "ns/task",
                      2'000'000};
    q.floor("bare coroutines and a ring", run_queue);
    q.weir("spawn and join", spawn_and_join);
    return q.run();
}
