// SPDX-License-Identifier: MIT
// expect: write for_each(f) for a plain function

#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each_concurrent.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::for_each_concurrent(2, [](int) { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::for_each_concurrent(2, [](int) {});
#endif
}
