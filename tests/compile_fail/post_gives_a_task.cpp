// SPDX-License-Identifier: MIT
// expect: executor::post(f)
// expect: nothing would await it

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>

void ask(weir::executor& ex) {
    ex.post([&ex] { ex.spawn(weir::yield()).detach(); });
#ifdef MUST_NOT_COMPILE
    ex.post([] { return weir::yield(); });
#endif
}
