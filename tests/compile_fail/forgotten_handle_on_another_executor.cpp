// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, keep it, or detach it

#include <weir/executor/sleep.hpp>
#include <weir/threads/spawn_on.hpp>

void start(weir::executor& ex) {
    weir::spawn_on(ex, [] { return weir::yield(); }).detach();
#ifdef MUST_NOT_COMPILE
    weir::spawn_on(ex, [] { return weir::yield(); });
#endif
}
