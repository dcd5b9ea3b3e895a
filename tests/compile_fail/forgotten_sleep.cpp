// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>

weir::task<> wait_a_moment() {
    co_await weir::sleep_for(std::chrono::milliseconds{1});
#ifdef MUST_NOT_COMPILE
    weir::sleep_for(std::chrono::milliseconds{1});
#endif
}
