// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: name it: the permit is returned when it dies

#include <weir/sync/semaphore.hpp>

void hold(weir::semaphore& permits) {
    const auto held = permits.try_acquire();
#ifdef MUST_NOT_COMPILE
    permits.try_acquire();
#endif
}
