// SPDX-License-Identifier: MIT
// expect: weir::for_each_fn
// expect: what_is_left_of_the_pipe_is_not_a_stream

#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto ignore = [](int) {};
    auto right = weir::iota(1, 4) | weir::for_each(ignore);
#ifdef MUST_NOT_COMPILE
    auto wrong = 3 | weir::for_each(ignore);
#endif
}
