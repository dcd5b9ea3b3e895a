// SPDX-License-Identifier: MIT
// expect: when_any
// expect: takes tasks, pipelines that end in a sink

#include <weir/scope/when_any.hpp>
#include <weir/sink/first.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::when_any(weir::iota(1, 4) | weir::first(), weir::iota(5) | weir::first());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::when_any(weir::iota(1, 4), weir::iota(5));
#endif
}
