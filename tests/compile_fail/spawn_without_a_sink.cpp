// SPDX-License-Identifier: MIT
// expect: weir::run, executor::spawn: a stream alone has no result; end the pipeline with a sink

#include <weir/executor/executor.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    weir::executor ex;
    auto right = ex.spawn(weir::iota(1, 4) | weir::drain());
#ifdef MUST_NOT_COMPILE
    ex.spawn(weir::iota(1, 4));
#endif
}
