// SPDX-License-Identifier: MIT
// expect: when_all
// expect: write when_all(std::move(operation), ...)

#include <utility>

#include <weir/scope/when_all.hpp>
#include <weir/task.hpp>

weir::task<int> one() { co_return 1; }

int main() {
    auto a = one();
    auto right = weir::when_all(std::move(a), one());
#ifdef MUST_NOT_COMPILE
    auto b = one();
    auto wrong = weir::when_all(b, one());
#endif
}
