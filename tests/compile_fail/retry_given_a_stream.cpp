// SPDX-License-Identifier: MIT
// expect: weir::retry
// expect: []

#include <weir/resilience/retry.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::retry([] { return weir::iota(1, 4); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::retry(weir::iota(1, 4));
#endif
}
