// SPDX-License-Identifier: MIT
// expect: weir::map_fn
// expect: what_is_left_of_the_pipe_is_not_a_stream

#include <vector>

#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto twice = [](int x) { return 2 * x; };
    const std::vector<int> numbers{1, 2, 3};
    auto right = weir::iota(1, 4) | weir::map(twice);
#ifdef MUST_NOT_COMPILE
    auto wrong = numbers | weir::map(twice);
#endif
}
