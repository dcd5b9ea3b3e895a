// SPDX-License-Identifier: MIT
// expect: weir::merge(streams...)
// expect: std::move(stream)

#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/merge.hpp>
#include <weir/source/iota.hpp>

int main() {
    weir::async_stream<int> numbers{weir::iota(1, 4)};
    auto right = weir::merge(std::move(numbers), weir::iota(1, 4));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::merge(numbers, weir::iota(1, 4));
#endif
}
