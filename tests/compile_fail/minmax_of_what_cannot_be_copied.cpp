// SPDX-License-Identifier: MIT
// expect: the first item is the smallest and the largest

#include <memory>

#include <weir/sink/minmax.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1, 2) | weir::minmax();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::minmax();
#endif
}
