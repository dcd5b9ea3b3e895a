// What do generators and tasks cost, over the calls that they stand for?

#include <cstdint>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

struct source {
    virtual ~source() = default;
    virtual bool pull(int64_t& item) = 0;
};

struct counter final : source {
    explicit counter(int64_t n) : last{n} {}
    bool pull(int64_t& item) override {
        if (next == last) return false;
        item = next++;
        return true;
    }
    int64_t next = 0;
    int64_t last;
};

int64_t virtual_call(std::uint64_t n) {
    counter c{static_cast<int64_t>(n)};
    source* s = &c;
    bench::opaque(s);
    int64_t sum = 0;
    for (int64_t item = 0; s->pull(item);) sum += item;
    return sum;
}

weir::async_stream<int64_t> numbers(int64_t n) {
    for (int64_t i = 0; i != n; ++i) co_yield i;
}

weir::async_stream<int64_t> pass(weir::async_stream<int64_t> upstream) {
    while (auto item = co_await weir::next(upstream)) co_yield *item;
}

int64_t generator(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(numbers(static_cast<int64_t>(n)) | weir::fold(int64_t{0}, add));
}

int64_t generator_then_operators(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(numbers(static_cast<int64_t>(n)) | weir::map([](int64_t x) { return x + 1; }) |
                  weir::filter([](int64_t x) { return x >= 0; }) | weir::map([](int64_t x) { return x - 1; }) |
                  weir::fold(int64_t{0}, add));
}

int64_t four_stages(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(pass(pass(pass(numbers(static_cast<int64_t>(n))))) | weir::fold(int64_t{0}, add));
}

weir::task<int64_t> same(int64_t x) { co_return x; }

int64_t tasks(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run([](int64_t count) -> weir::task<int64_t> {
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) sum += co_await same(i);
        co_return sum;
    }(static_cast<int64_t>(n)));
}

int64_t spawned(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run([](weir::executor& e, int64_t count) -> weir::task<int64_t> {
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) {
            auto handle = e.spawn(same(i));
            sum += co_await handle;
        }
        co_return sum;
    }(ex, static_cast<int64_t>(n)));
}

int64_t yields(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run([](int64_t count) -> weir::task<int64_t> {
        int64_t sum = 0;
        for (int64_t i = 0; i != count; ++i) {
            co_await weir::yield();
            sum += i;
        }
        co_return sum;
    }(static_cast<int64_t>(n)));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What do generators and tasks cost, over the calls that they stand for?", "ns/item",
                      3'000'000};
    q.floor("virtual call", virtual_call);
    q.weir("generator", generator);
    q.weir("generator|map|filter|map", generator_then_operators);
    q.weir("four coroutine stages", four_stages);
    q.weir("create and await a task", tasks);
    q.weir("spawn and join", spawned);
    q.weir("yield to the run queue and back", yields);
    return q.run();
}
