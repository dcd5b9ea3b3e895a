// SPDX-License-Identifier: MIT
// expect: weir::with_resource(within, open, use, close): close cannot be called with a reference to what open returns

#include <chrono>

#include <weir/source/iota.hpp>
#include <weir/source/with_resource.hpp>
#include <weir/task.hpp>

weir::task<> say_goodbye(int&) { co_return; }

int main() {
    const std::chrono::seconds second{1};
    const auto open = [] { return 1; };
    const auto use = [](int& first) { return weir::iota(first, 4); };
    auto right = weir::with_resource(second, open, use, say_goodbye);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::with_resource(second, open, use, [](int&) {});
#endif
}
