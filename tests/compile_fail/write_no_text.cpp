// SPDX-License-Identifier: MIT
// expect: weir::write(...)
// expect: items are text or bytes

#include <string>

#include <weir/operators/map.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int x) { return std::to_string(x); }) | weir::write("out.txt");
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::write("out.txt");
#endif
}
