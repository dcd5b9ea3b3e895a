// SPDX-License-Identifier: MIT
// expect: weir::to_awaitable(executor, operation): the result crosses threads

#include <weir/executor/sleep.hpp>
#include <weir/interop/to_awaitable.hpp>
#include <weir/io/bytes.hpp>
#include <weir/task.hpp>

weir::task<weir::bytes> read_some() { co_return weir::bytes{}; }

int main() {
    weir::executor ex;
    auto right = weir::to_awaitable(ex, weir::yield());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::to_awaitable(ex, read_some());
#endif
}
