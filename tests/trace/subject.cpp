// SPDX-License-Identifier: MIT
// Runs a metered pipeline long enough for a sampled trace, on the executors of two threads.
#include <chrono>
#include <thread>

#include <weir/executor/executor.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/run_watch.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>

using namespace std::chrono_literals;

namespace {

void works() {
    const auto until = std::chrono::steady_clock::now() + 150us;
    while (std::chrono::steady_clock::now() < until) {}
}

weir::task<> consumes() {
    auto items = weir::interval(200us) | weir::take(1000) | weir::meter("a \"name\"\n\\");
    while (co_await weir::next(items)) works();
}

} // namespace

int main() {
    const auto runs = [] {
        weir::executor ex;
        const weir::run_watch beside{ex};
        ex.run(consumes());
    };
    std::thread other{runs};
    runs();
    other.join();
}
