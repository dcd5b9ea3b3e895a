// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, keep it, or detach it

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>

void start(weir::executor& ex) {
    ex.spawn(weir::yield()).detach();
#ifdef MUST_NOT_COMPILE
    ex.spawn(weir::yield());
#endif
}
