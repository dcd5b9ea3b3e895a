// SPDX-License-Identifier: MIT
// expect: weir::from_callback<T>(connect)
// expect: weir::emitter<T>

#include <weir/source/from_callback.hpp>

int main() {
    auto right = weir::from_callback<int>([](weir::emitter<int>) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_callback<int>([](int) {});
#endif
}
