// SPDX-License-Identifier: MIT
// expect: weir::divert_to(sink, pred): takes what ends in a sink, such as for_each(f) or map(f) | write(path)

#include <weir/operators/divert_to.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto odd = [](int x) { return x % 2 != 0; };
    auto right = weir::iota(1, 4) | weir::divert_to(weir::for_each([](int) {}), odd);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::divert_to([](int) {}, odd);
#endif
}
