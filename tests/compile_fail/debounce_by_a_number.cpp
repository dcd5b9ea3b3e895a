// SPDX-License-Identifier: MIT
// expect: weir::debounce(f): f cannot be called with a const item, or does not return a duration

#include <chrono>

#include <weir/operators/debounce.hpp>
#include <weir/source/just.hpp>

using namespace std::chrono_literals;

int main() {
    auto right = weir::just(1) | weir::debounce([](int n) { return n * 1ms; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::debounce([](int n) { return n; });
#endif
}
