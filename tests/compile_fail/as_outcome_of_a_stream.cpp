// SPDX-License-Identifier: MIT
// expect: weir::as_outcome(operation): takes an operation; end the pipeline with a sink

#include <weir/scope/as_outcome.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::as_outcome(weir::just(1) | weir::count());
#ifdef MUST_NOT_COMPILE
    weir::as_outcome(weir::just(1));
#endif
}
