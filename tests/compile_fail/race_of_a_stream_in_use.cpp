// SPDX-License-Identifier: MIT
// expect: weir::race(streams...)
// expect: write race(std::move(stream), ...)

#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/race.hpp>
#include <weir/source/iota.hpp>

weir::async_stream<int> ones() { co_yield 1; }

int main() {
    auto a = ones();
    auto right = weir::race(std::move(a), weir::iota(1, 4));
#ifdef MUST_NOT_COMPILE
    auto b = ones();
    auto wrong = weir::race(b, weir::iota(1, 4));
#endif
}
