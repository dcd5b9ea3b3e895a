// SPDX-License-Identifier: MIT
// expect: weir::map_fn
// expect: needs_its_arguments_in_parentheses

#include <optional>

#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/first.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

weir::task<int> sum() {
    const auto twice = [](int x) { return 2 * x; };
    const auto odd = [](int x) { return x % 2 != 0; };
    std::optional<int> x =
        co_await (weir::iota(1, 4) | weir::map(twice) | weir::map(twice) | weir::filter(odd) | weir::first());
#ifdef MUST_NOT_COMPILE
    x = co_await (weir::iota(1, 4) | weir::map(twice) | weir::map | weir::filter(odd) | weir::take(2) | weir::first());
#endif
    co_return x.value_or(0);
}
