// SPDX-License-Identifier: MIT
// expect: weir::hold(state): takes a weir::state, which keeps the newest item

#include <weir/operators/hold.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::hold(weir::state{0});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::hold(0);
#endif
}
