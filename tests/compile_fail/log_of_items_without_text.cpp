// SPDX-License-Identifier: MIT
// expect: weir::log(name): the items have no operator<<; pass a function that returns a text

#include <iostream>
#include <vector>

#include <weir/observe/log.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::vector{1}) |
                 weir::log("chunks", std::cerr, [](const std::vector<int>& items) { return items.size(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::vector{1}) | weir::log("chunks");
#endif
}
