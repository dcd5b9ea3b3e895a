// SPDX-License-Identifier: MIT
// expect: weir::sample(d), sample(signal): the argument is neither a duration nor a stream

#include <chrono>

#include <weir/operators/sample.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    auto right = weir::iota(1, 4) | weir::sample(1s);
    auto also_right = weir::iota(1, 4) | weir::sample(weir::iota(0));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::sample(5);
#endif
}
