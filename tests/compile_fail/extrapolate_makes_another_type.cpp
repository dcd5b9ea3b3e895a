// SPDX-License-Identifier: MIT
// expect: weir::extrapolate(f): f cannot be called with the last item, or does not return an item

#include <string>

#include <weir/operators/extrapolate.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::extrapolate([](int x) { return x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::extrapolate([](int x) { return std::to_string(x); });
#endif
}
