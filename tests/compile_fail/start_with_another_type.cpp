// SPDX-License-Identifier: MIT
// expect: weir::start_with(values...)
// expect: does not convert

#include <weir/operators/start_with.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::start_with('a');
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::start_with("a");
#endif
}
