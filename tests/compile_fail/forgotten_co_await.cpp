// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: co_await it, or pass it to weir::run or spawn

#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

weir::task<> work() {
    const auto twice = [](int x) { return 2 * x; };
    co_await (weir::iota(1, 4) | weir::map(twice) | weir::drain());
#ifdef MUST_NOT_COMPILE
    weir::iota(1, 4) | weir::map(twice) | weir::drain();
#endif
}
