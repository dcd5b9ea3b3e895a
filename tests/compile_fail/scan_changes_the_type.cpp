// SPDX-License-Identifier: MIT
// expect: weir::scan(f): f(state, item) must return a state, of the items' type, which can be copied

#include <string>

#include <weir/operators/scan.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::scan([](int sum, int x) { return sum + x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::scan([](int, int x) { return std::to_string(x); });
#endif
}
