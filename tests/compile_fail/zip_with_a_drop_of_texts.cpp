// SPDX-License-Identifier: MIT
// expect: weir::zip(streams..., on_drop): the last argument is neither a stream nor a function

#include <string>

#include <weir/operators/zip.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::zip(weir::iota(1, 4), weir::iota(1, 4), [](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::zip(weir::iota(1, 4), weir::iota(1, 4), [](const std::string&) {});
#endif
}
