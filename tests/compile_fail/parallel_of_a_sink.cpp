// SPDX-License-Identifier: MIT
// expect: weir::parallel(runtime, pipeline)
// expect: has no sink

#include <weir/operators/map.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/runtime.hpp>

int main() {
    weir::runtime rt;
    auto right = weir::iota(1, 4) | weir::parallel(rt, weir::map([](int i) { return i + 1; }));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::parallel(rt, weir::for_each([](int) {}));
#endif
}
