// SPDX-License-Identifier: MIT
// expect: weir::on_error_complete(pred): pred cannot be called with the error

#include <exception>

#include <weir/operators/on_error_complete.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::on_error_complete([](std::exception_ptr) { return true; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::on_error_complete([](int) { return true; });
#endif
}
