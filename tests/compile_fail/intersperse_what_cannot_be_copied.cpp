// SPDX-License-Identifier: MIT
// expect: the separator is emitted several times

#include <memory>

#include <weir/operators/intersperse.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1, 2) | weir::intersperse(0);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::intersperse(nullptr);
#endif
}
