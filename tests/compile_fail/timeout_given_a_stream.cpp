// SPDX-License-Identifier: MIT
// expect: weir::timeout(d, make)
// expect: timeout(d, [] { return ...; })

#include <chrono>

#include <weir/operators/timeout.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    auto right = weir::iota(1, 4) | weir::timeout(1s, [] { return weir::iota(1, 4); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::timeout(1s, weir::iota(1, 4));
#endif
}
