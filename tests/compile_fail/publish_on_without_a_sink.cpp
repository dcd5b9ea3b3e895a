// SPDX-License-Identifier: MIT
// expect: takes a task, a pipeline that ends in a sink

#include <weir/executor/executor.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    weir::executor here;
    weir::executor other;
    here.run(weir::iota(1, 4) | weir::publish_on(other, 16) | weir::drain());
#ifdef MUST_NOT_COMPILE
    here.run(weir::iota(1, 4) | weir::publish_on(other, 16));
#endif
}
