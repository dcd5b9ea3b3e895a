// SPDX-License-Identifier: MIT
// expect: weir::share(): each subscriber gets a copy of an item, and these items cannot be copied

#include <memory>

#include <weir/operators/share.hpp>
#include <weir/source/just.hpp>

int main() {
    const auto right = weir::just(std::make_shared<int>(1)) | weir::share();
#ifdef MUST_NOT_COMPILE
    const auto wrong = weir::just(std::make_unique<int>(1)) | weir::share();
#endif
}
