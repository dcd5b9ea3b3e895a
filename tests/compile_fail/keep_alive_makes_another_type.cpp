// SPDX-License-Identifier: MIT
// expect: weir::keep_alive(d, make): make cannot be called without arguments, or does not return an item of the stream

#include <chrono>
#include <string>

#include <weir/operators/keep_alive.hpp>
#include <weir/source/iota.hpp>

int main() {
    const std::chrono::seconds second{1};
    auto right = weir::iota(1, 4) | weir::keep_alive(second, [] { return 0; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::keep_alive(second, [] { return std::string{}; });
#endif
}
