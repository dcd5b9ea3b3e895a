// SPDX-License-Identifier: MIT
// Shows a source that waits, a pipeline and a time limit. The README contains this program.

// [readme]
#include <iostream>
#include <weir/weir.hpp>
using namespace std::chrono_literals;

weir::async_stream<int> countdown(int from) {
    for (; from > 0; --from, co_await weir::sleep_for(20ms)) co_yield from;
}

int main() {
    auto odd_squares = weir::filter([](int n) { return n % 2 == 1; }) | weir::map([](int n) { return n * n; });
    weir::run(countdown(6) | odd_squares | weir::timeout(1s) | weir::for_each([](int n) { std::cout << n << '\n'; }));
}
// [/readme]

// [output]
// 25
// 9
// 1
// [/output]
