// SPDX-License-Identifier: MIT
// expect: weir::subscribe_on_fn
// expect: what_is_left_of_the_pipe_is_not_a_stream

#include <weir/executor/executor.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    weir::executor other;
    auto right = weir::iota(1, 4) | weir::subscribe_on(other) | weir::drain();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::drain() | weir::subscribe_on(other);
#endif
}
