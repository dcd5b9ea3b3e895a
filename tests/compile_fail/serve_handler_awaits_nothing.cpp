// SPDX-License-Identifier: MIT
// expect: weir::serve(handler, stop)
// expect: does not return a task

#include <weir/executor/sleep.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::serve([](int) { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::serve([](int) {});
#endif
}
