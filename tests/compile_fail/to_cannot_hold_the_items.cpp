// SPDX-License-Identifier: MIT
// expect: weir::to<Container>()
// expect: cannot be put into

#include <string>
#include <vector>

#include <weir/sink/to.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::to<std::vector<int>>();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::to<std::vector<std::string>>();
#endif
}
