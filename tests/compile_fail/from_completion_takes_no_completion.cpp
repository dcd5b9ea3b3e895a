// SPDX-License-Identifier: MIT
// expect: weir::from_completion<T>(start)
// expect: weir::completion<T>

#include <weir/interop/from_completion.hpp>

int main() {
    auto right = weir::from_completion<int>([](weir::completion<int>) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_completion<int>([](int) {});
#endif
}
