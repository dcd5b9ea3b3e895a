// SPDX-License-Identifier: MIT
// expect: weir::repeat(f): a stream is used once

#include <weir/source/iota.hpp>
#include <weir/source/repeat.hpp>

int main() {
    auto right = weir::repeat([] { return weir::iota(1, 4); }, 2);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::repeat(weir::iota(1, 4), 2);
#endif
}
