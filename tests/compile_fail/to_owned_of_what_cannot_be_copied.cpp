// SPDX-License-Identifier: MIT
// expect: weir::to_owned(): weir::owned<T> does not say how an item is copied

#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

struct view {};
template <>
inline constexpr bool weir::borrowed<view> = true;

int main() {
    auto right = weir::just(1) | weir::to_owned();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(view{}) | weir::to_owned();
#endif
}
