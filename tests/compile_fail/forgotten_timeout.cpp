// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/executor/sleep.hpp>
#include <weir/scope/with_timeout.hpp>

weir::task<> yield_in_time() {
    co_await weir::with_timeout(std::chrono::seconds{1}, weir::yield());
#ifdef MUST_NOT_COMPILE
    weir::with_timeout(std::chrono::seconds{1}, weir::yield());
#endif
}
