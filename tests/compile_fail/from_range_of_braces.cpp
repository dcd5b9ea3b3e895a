// SPDX-License-Identifier: MIT
// expect: weir::from_range(range)
// expect: just(1, 2, 3)

#include <initializer_list>
#include <vector>

#include <weir/source/from_range.hpp>

int main() {
    auto right = weir::from_range(std::vector{1, 2, 3});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_range(std::initializer_list<int>{1, 2, 3});
#endif
}
