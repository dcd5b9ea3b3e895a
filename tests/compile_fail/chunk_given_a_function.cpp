// SPDX-License-Identifier: MIT
// expect: weir::chunk(n, d), chunk(n, signal): the second argument is neither a duration nor a stream

#include <weir/operators/chunk.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::chunk(2, weir::never<int>());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::chunk(2, [] { return true; });
#endif
}
