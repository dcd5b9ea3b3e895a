// SPDX-License-Identifier: MIT
// expect: weir::with_deadline(t, operation)
// expect: takes a task

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>

int main() {
    auto right = weir::with_deadline(weir::time_point{}, weir::yield());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::with_deadline(weir::time_point{}, [] { return weir::yield(); });
#endif
}
