// SPDX-License-Identifier: MIT
// expect: weir::parallel(runtime, pipeline)
// expect: copied for each rail

#include <memory>

#include <weir/operators/map.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/runtime.hpp>

int main() {
    weir::runtime rt;
    auto right = weir::iota(1, 4) | weir::parallel(rt, weir::map([](int i) { return i + 1; }));
#ifdef MUST_NOT_COMPILE
    auto one = std::make_unique<int>(1);
    auto wrong = weir::iota(1, 4) | weir::parallel(rt, weir::map([one = std::move(one)](int i) { return i + *one; }));
#endif
}
