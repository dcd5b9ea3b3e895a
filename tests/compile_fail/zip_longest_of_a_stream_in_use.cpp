// SPDX-License-Identifier: MIT
// expect: weir::zip_longest(streams...)
// expect: zip_longest(std::move(stream), ...)

#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/source/iota.hpp>

weir::async_stream<int> ones() { co_yield 1; }

int main() {
    auto a = ones();
    auto right = weir::zip_longest(std::move(a), weir::iota(1, 4));
#ifdef MUST_NOT_COMPILE
    auto b = ones();
    auto wrong = weir::zip_longest(b, weir::iota(1, 4));
#endif
}
