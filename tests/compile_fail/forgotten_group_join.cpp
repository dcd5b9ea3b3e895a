// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/scope/task_group.hpp>

weir::task<> finish(weir::task_group& group) {
    co_await group.join();
#ifdef MUST_NOT_COMPILE
    group.join();
#endif
}
