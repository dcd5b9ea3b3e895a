// How late does a 1 ms timer fire beside a pipeline that is always ready, over an idle loop?

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"

namespace {

using namespace std::chrono_literals;
using microseconds = std::chrono::duration<double, std::micro>;

/// Wakes each millisecond on an absolute schedule and notes how late.
weir::task<std::vector<double>> ticks(int count) {
    std::vector<double> late;
    const weir::executor& ex = *co_await weir::this_executor();
    const auto start = ex.now();
    for (int i = 1; i <= count; ++i) {
        const auto due = start + i * 1ms;
        co_await weir::sleep_until(due);
        late.push_back(microseconds{weir::clock::now() - due}.count());
    }
    co_return late;
}

void print(const char* name, std::vector<double> late) {
    std::ranges::sort(late);
    const auto at = [&](double share) {
        return late[static_cast<std::size_t>(share * static_cast<double>(late.size() - 1))];
    };
    std::printf("%-34s %8.1f %8.1f %8.1f\n", name, at(0.5), at(0.99), at(1.0));
}

} // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 && std::string_view{argv[1]} == "--quick" ? 50 : 5000;
    std::printf("How late does a 1 ms timer fire beside a pipeline that is always ready, over an idle loop?\n\n"
                "%-34s %8s %8s %8s  (us)\n",
                "", "p50", "p99", "max");
    weir::executor ex;
    print("idle loop", ex.run(ticks(count)));

    std::uint64_t items = 0;
    auto busy = ex.spawn(weir::iota(std::uint64_t{0}) | weir::map([](std::uint64_t x) { return x ^ (x >> 7); }) |
                         weir::for_each([&](std::uint64_t x) {
                             bench::opaque(x);
                             ++items;
                         }));
    const auto start = weir::clock::now();
    print("beside a ready pipeline", ex.run(ticks(count)));
    const std::chrono::duration<double, std::nano> took = weir::clock::now() - start;
    std::printf("\nmeanwhile the pipeline passed %.0f million items, %.2f ns each (%s)\n",
                static_cast<double>(items) / 1e6, took.count() / static_cast<double>(items),
                std::string{ex.io().name()}.c_str());
    return 0;
}
