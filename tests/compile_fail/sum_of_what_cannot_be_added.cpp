// SPDX-License-Identifier: MIT
// expect: weir::sum(): the items cannot be added

#include <vector>

#include <weir/sink/sum.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1, 2) | weir::sum();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::vector{1}) | weir::sum();
#endif
}
