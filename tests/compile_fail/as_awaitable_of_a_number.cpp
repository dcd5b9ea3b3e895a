// SPDX-License-Identifier: MIT
// expect: weir::as_awaitable(x): x has no operator co_await and is no awaiter

#include <coroutine>

#include <weir/interop/as_awaitable.hpp>

int main() {
    auto right = weir::as_awaitable(std::suspend_never{});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::as_awaitable(7);
#endif
}
