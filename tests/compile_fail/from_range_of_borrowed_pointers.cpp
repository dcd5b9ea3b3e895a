// SPDX-License-Identifier: MIT
// expect: weir::from_range(range)
// expect: from_range(std::move(range))

#include <memory>
#include <utility>
#include <vector>

#include <weir/source/from_range.hpp>

int main() {
    std::vector<std::unique_ptr<int>> pointers;
    auto right = weir::from_range(std::move(pointers));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::from_range(pointers);
#endif
}
