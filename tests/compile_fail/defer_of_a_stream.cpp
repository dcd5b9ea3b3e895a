// SPDX-License-Identifier: MIT
// expect: weir::defer(f): takes a function that returns a stream, not a stream

#include <weir/source/defer.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::defer([] { return weir::iota(1, 4); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::defer(weir::iota(1, 4));
#endif
}
