// SPDX-License-Identifier: MIT
// expect: end the pipeline with a sink

#include <weir/scope/task_group.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

void start(weir::task_group& group) {
    group.spawn([] { return weir::just(1) | weir::drain(); });
#ifdef MUST_NOT_COMPILE
    group.spawn(weir::just(1));
#endif
}
