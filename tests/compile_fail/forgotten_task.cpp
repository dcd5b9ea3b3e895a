// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/task.hpp>

weir::task<> part() { co_return; }

weir::task<> whole() {
    co_await part();
#ifdef MUST_NOT_COMPILE
    part();
#endif
}
