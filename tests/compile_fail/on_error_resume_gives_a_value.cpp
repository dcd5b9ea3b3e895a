// SPDX-License-Identifier: MIT
// expect: weir::on_error_resume(f)
// expect: just(value)

#include <exception>

#include <weir/operators/on_error_resume.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::on_error_resume([](std::exception_ptr) { return weir::just(2); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::on_error_resume([](std::exception_ptr) { return 2; });
#endif
}
