// SPDX-License-Identifier: MIT
// expect: weir::sliding(n): an item is in several windows, and these items cannot be copied

#include <memory>

#include <weir/operators/chunk.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::make_shared<int>(1)) | weir::sliding(2);
    auto moved = weir::just(std::make_unique<int>(1)) | weir::chunk(2);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::sliding(2);
#endif
}
