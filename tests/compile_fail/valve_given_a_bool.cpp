// SPDX-License-Identifier: MIT
// expect: weir::valve(open): takes a weir::state<bool>, which is true while items may pass

#include <weir/operators/valve.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::valve(weir::state{true});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::valve(true);
#endif
}
