// SPDX-License-Identifier: MIT
// expect: a stream is used once and cannot be started again

#include <weir/resilience/restart.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::restart([] { return weir::iota(1, 4); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::restart(weir::iota(1, 4));
#endif
}
