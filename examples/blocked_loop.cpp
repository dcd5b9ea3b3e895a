// SPDX-License-Identifier: MIT
// A loop that is blocked by a computation, found by its lag, and mended with a pool of threads. A heartbeat wakes every
// 5 ms and records how late it is: on a loop that nothing blocks, that is a fraction of a millisecond.

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

/// Something that takes a while, and no await.
int primes_below(int limit) {
    int count = 0;
    for (int n = 2; n < limit; ++n) {
        bool prime = true;
        for (int d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
        count += prime ? 1 : 0;
    }
    return count;
}

constexpr int limit = 400'000;

weir::task<int> on_the_loop() { co_return primes_below(limit); }

weir::task<int> on_a_pool(weir::thread_pool& pool) {
    co_return co_await weir::offload(pool, [] { return primes_below(limit); });
}

/// Records the greatest lag of the loop that it runs on.
weir::task<> heartbeat(weir::duration& worst) {
    for (;;) {
        const auto due = std::chrono::steady_clock::now() + 5ms;
        co_await weir::sleep_for(5ms);
        worst = std::max<weir::duration>(worst, std::chrono::steady_clock::now() - due);
    }
}

/// The greatest lag while the computation runs, in milliseconds.
weir::task<double> lag_during(weir::task<int> computation) {
    weir::executor& ex = *co_await weir::this_executor();
    weir::duration worst{};
    auto beating = ex.spawn(heartbeat(worst));
    co_await weir::sleep_for(20ms);
    co_await std::move(computation);
    co_await weir::sleep_for(20ms); // the heartbeat that was held up
    co_return std::chrono::duration<double, std::milli>(worst).count();
}

} // namespace

int main() {
    weir::thread_pool pool{1};
    std::cout << std::fixed << std::setprecision(1);
    std::cout << "computed on the loop: lag of up to " << weir::run(lag_during(on_the_loop())) << " ms\n";
    std::cout << "computed on a pool:   lag of up to " << weir::run(lag_during(on_a_pool(pool))) << " ms\n";
}
