// SPDX-License-Identifier: MIT
// expect: weir::publish_on(executor, n)
// expect: say how many items may wait

#include <weir/executor/executor.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    weir::executor other;
    auto right = weir::iota(1, 4) | weir::publish_on(other, 16) | weir::drain();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::publish_on(other) | weir::drain();
#endif
}
