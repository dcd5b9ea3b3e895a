// SPDX-License-Identifier: MIT
// expect: weir::skip_until(signal): the signal is a stream, a task or another operation

#include <weir/operators/skip_until.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::skip_until(weir::iota(5, 6));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::skip_until(5);
#endif
}
