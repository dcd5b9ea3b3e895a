// SPDX-License-Identifier: MIT
// expect: weir::to_future(executor, operation)
// expect: takes a task

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/to_future.hpp>

int main() {
    weir::executor ex;
    auto right = weir::to_future(ex, weir::yield());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::to_future(ex, [] { return weir::yield(); });
#endif
}
