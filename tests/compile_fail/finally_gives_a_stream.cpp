// SPDX-License-Identifier: MIT
// expect: weir::finally(f)
// expect: async_finally(f)

#include <weir/operators/finally.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::finally([] {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::finally([] { return weir::just(1); });
#endif
}
