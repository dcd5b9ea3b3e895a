// SPDX-License-Identifier: MIT
// expect: weir::also_to(sink): takes what ends in a sink, such as for_each(f) or map(f) | write(path)

#include <weir/operators/also_to.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::also_to(weir::map([](int x) { return x; }) | weir::drain());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::also_to([](int) {});
#endif
}
