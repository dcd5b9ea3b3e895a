// SPDX-License-Identifier: MIT
// expect: weir::combine_latest(streams..., on_drop): the last argument is neither a stream nor a function

#include <string>

#include <weir/operators/combine_latest.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::combine_latest(weir::iota(1, 4), weir::iota(1, 4), [](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::combine_latest(weir::iota(1, 4), weir::iota(1, 4), [](const std::string&) {});
#endif
}
