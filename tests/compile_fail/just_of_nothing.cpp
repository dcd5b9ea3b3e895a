// SPDX-License-Identifier: MIT
// expect: weir::just()
// expect: empty<T>()

#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just();
#endif
}
