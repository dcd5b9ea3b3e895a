// SPDX-License-Identifier: MIT
// expect: weir::with_latest_from(other): other is not a stream

#include <weir/operators/with_latest_from.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::with_latest_from(weir::just(2));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::with_latest_from(2);
#endif
}
