// SPDX-License-Identifier: MIT
// expect: weir::partition(pred): pred cannot be called with an item, or does not return a bool

#include <string>

#include <weir/operators/partition.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::partition([](int x) { return x > 2; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::partition([](int x) { return std::to_string(x); });
#endif
}
