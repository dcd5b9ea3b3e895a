// SPDX-License-Identifier: MIT
// expect: weir::retry
// expect: neither a task

#include <weir/executor/sleep.hpp>
#include <weir/resilience/retry.hpp>

int main() {
    auto right = weir::retry([] { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::retry([] { return 1; });
#endif
}
