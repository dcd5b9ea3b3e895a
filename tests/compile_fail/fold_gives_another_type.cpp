// SPDX-License-Identifier: MIT
// expect: weir::fold(init, f)
// expect: which has the type of init

#include <string>

#include <weir/sink/fold.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::fold(0, [](int a, int b) { return a + b; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::fold(0, [](int, int) { return std::string{}; });
#endif
}
