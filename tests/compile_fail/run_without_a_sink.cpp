// SPDX-License-Identifier: MIT
// expect: weir::run, executor::spawn: a stream alone has no result; end the pipeline with a sink

#include <weir/executor/executor.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto twice = weir::map([](int x) { return 2 * x; });
    weir::run(weir::iota(1, 4) | twice | weir::for_each([](int) {}));
#ifdef MUST_NOT_COMPILE
    weir::run(weir::iota(1, 4) | twice);
#endif
}
