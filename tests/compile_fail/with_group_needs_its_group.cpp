// SPDX-License-Identifier: MIT
// expect: weir::with_group(f)
// expect: task_group&

#include <weir/scope/with_group.hpp>
#include <weir/task.hpp>

weir::task<> right_way(weir::task_group&) { co_return; }
weir::task<> wrong_way() { co_return; }

int main() {
    auto right = weir::with_group(right_way);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::with_group(wrong_way);
#endif
}
