// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: write co_await next(s)

#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

weir::task<> skip_one() {
    auto numbers = weir::iota(1, 4);
    static_cast<void>(co_await weir::next(numbers));
#ifdef MUST_NOT_COMPILE
    weir::next(numbers);
#endif
}
