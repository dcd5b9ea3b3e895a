// SPDX-License-Identifier: MIT
// expect: weir::once(operation)
// expect: just(value)

#include <weir/executor/sleep.hpp>
#include <weir/source/once.hpp>

int main() {
    auto right = weir::once(weir::yield());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::once(1);
#endif
}
