// SPDX-License-Identifier: MIT
// expect: weir::pairwise()
// expect: cannot be copied

#include <memory>

#include <weir/operators/pairwise.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::make_shared<int>(1)) | weir::pairwise();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::pairwise();
#endif
}
