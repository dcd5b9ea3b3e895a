// SPDX-License-Identifier: MIT
// expect: weir::rs::to_processor<T>(operators, executor, prefetch)
// expect: do not return a stream

#include <weir/executor/executor.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>

int main() {
    weir::executor ex;
    const auto right = weir::rs::to_processor<int>(weir::take(1), ex, 8);
#ifdef MUST_NOT_COMPILE
    const auto wrong = weir::rs::to_processor<int>(weir::take(1) | weir::drain(), ex, 8);
#endif
}
