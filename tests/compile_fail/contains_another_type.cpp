// SPDX-License-Identifier: MIT
// expect: weir::contains(value): an item cannot be compared

#include <string>

#include <weir/sink/contains.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::contains(2L);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::contains(std::string{"2"});
#endif
}
