// SPDX-License-Identifier: MIT
// expect: co_await: not a weir operation
// expect: parentheses

#include <weir/async_stream.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

weir::task<> consume(weir::async_stream<int> numbers) {
    static_cast<void>(co_await weir::next(numbers));
#ifdef MUST_NOT_COMPILE
    co_await numbers;
#endif
}

int main() {}
