// SPDX-License-Identifier: MIT
// expect: weir::finally(f): f cannot be called without arguments, nor with a weir::stream_ending

#include <weir/operators/finally.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::finally([](const weir::stream_ending&) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::finally([](int) {});
#endif
}
