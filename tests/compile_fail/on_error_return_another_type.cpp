// SPDX-License-Identifier: MIT
// expect: weir::on_error_return(value): the value does not convert

#include <string>

#include <weir/operators/on_error_return.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::on_error_return(0);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::on_error_return(std::string{});
#endif
}
