// SPDX-License-Identifier: MIT
// expect: f(item, emit)

#include <weir/operators/handle.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::handle<int>([](int x, const auto& emit) { emit(x); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::handle<int>([](int) {});
#endif
}
