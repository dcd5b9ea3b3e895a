// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/sync/channel.hpp>
#include <weir/task.hpp>

weir::task<> send_both(weir::sender<int>& tx) {
    static_cast<void>(co_await tx.send(1));
#ifdef MUST_NOT_COMPILE
    tx.send(2);
#endif
}
