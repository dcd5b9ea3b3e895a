// SPDX-License-Identifier: MIT
// expect: weir::end_with(values...): a value does not convert

#include <string>

#include <weir/operators/end_with.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::end_with(0);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::end_with(std::string{});
#endif
}
