// SPDX-License-Identifier: MIT
// expect: weir::memoize(operation): each who awaits it gets a copy of the result, and this cannot be copied

#include <memory>

#include <weir/scope/memoize.hpp>
#include <weir/task.hpp>

weir::task<std::unique_ptr<int>> unique() { co_return std::make_unique<int>(1); }
weir::task<std::shared_ptr<int>> shared() { co_return std::make_shared<int>(1); }

int main() {
    auto right = weir::memoize(shared);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::memoize(unique);
#endif
}
