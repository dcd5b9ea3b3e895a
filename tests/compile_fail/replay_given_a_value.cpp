// SPDX-License-Identifier: MIT
// expect: weir::replay(n, f): f cannot be called without arguments, or does not return a stream

#include <weir/operators/replay.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto right = weir::replay(2, [] { return weir::iota(1, 4); });
#ifdef MUST_NOT_COMPILE
    const auto wrong = weir::replay(2, [] { return 1; });
#endif
}
