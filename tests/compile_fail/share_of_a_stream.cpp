// SPDX-License-Identifier: MIT
// expect: weir::share(f): takes a function that returns a stream, so that the stream can start again

#include <weir/operators/share.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto right = weir::share([] { return weir::iota(1, 4); });
    const auto once = weir::iota(1, 4) | weir::share();
#ifdef MUST_NOT_COMPILE
    const auto wrong = weir::share(weir::iota(1, 4));
#endif
}
