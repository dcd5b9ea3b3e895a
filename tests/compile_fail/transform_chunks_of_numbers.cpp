// SPDX-License-Identifier: MIT
// expect: weir::transform_chunks(view)
// expect: put chunk(n) before it

#include <ranges>

#include <weir/operators/chunk.hpp>
#include <weir/operators/transform_chunks.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::chunk(2) | weir::transform_chunks(std::views::take(1));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::transform_chunks(std::views::take(1));
#endif
}
