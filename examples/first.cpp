// The program of the README: a source that waits, a pipeline, a time limit.

#include <chrono>
#include <iostream>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

// [readme]
weir::async_stream<int> countdown(int from) {
    for (; from > 0; --from) {
        co_await weir::sleep_for(20ms);
        co_yield from;
    }
}

int main() {
    auto odd = [](int n) { return n % 2 == 1; };
    auto square = [](int n) { return n * n; };
    auto print = [](int n) { std::cout << n << '\n'; };
    weir::run(countdown(6) | weir::filter(odd) | weir::map(square) | weir::timeout(1s) | weir::for_each(print));
}
// [/readme]

// [output]
// 25
// 9
// 1
// [/output]
