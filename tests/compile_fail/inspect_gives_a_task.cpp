// SPDX-License-Identifier: MIT
// expect: weir::inspect(f)
// expect: nothing would await it

#include <weir/executor/sleep.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::inspect([](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::inspect([](int) { return weir::yield(); });
#endif
}
