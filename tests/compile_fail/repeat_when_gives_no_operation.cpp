// SPDX-License-Identifier: MIT
// expect: f does not return a task or another operation

#include <weir/executor/sleep.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/repeat_when.hpp>

int main() {
    auto right = weir::repeat_when([] { return weir::iota(1, 4); }, [] { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::repeat_when([] { return weir::iota(1, 4); }, [] { return true; });
#endif
}
