// SPDX-License-Identifier: MIT
// expect: weir::concurrency_limit::run(operation)
// expect: takes a task

#include <weir/executor/sleep.hpp>
#include <weir/resilience/concurrency_limit.hpp>

int main() {
    weir::concurrency_limit limit{1};
    auto right = limit.run([] { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = limit.run([] { return 1; });
#endif
}
