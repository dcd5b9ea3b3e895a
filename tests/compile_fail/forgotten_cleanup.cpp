// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result -Werror=unused-value
// expect: name it: the cleanup starts when it is destroyed

#include <weir/executor/sleep.hpp>
#include <weir/scope/async_finally.hpp>

void hold() {
    const auto cleanup = [] { return weir::yield(); };
    const weir::async_finally at_end{std::chrono::seconds{1}, cleanup};
#ifdef MUST_NOT_COMPILE
    weir::async_finally{std::chrono::seconds{1}, cleanup};
#endif
}
