// SPDX-License-Identifier: MIT
// expect: weir::zip_latest(streams..., on_drop): the last argument is neither a stream nor a function

#include <weir/operators/zip_latest.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::zip_latest(weir::iota(1, 4), weir::iota(1, 4));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::zip_latest(weir::iota(1, 4), 4);
#endif
}
