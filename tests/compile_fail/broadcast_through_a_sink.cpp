// SPDX-License-Identifier: MIT
// expect: weir::broadcast_through(pipelines...): a pipeline does not end in a stream

#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::broadcast_through(weir::map([](int x) { return x; }));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::broadcast_through(weir::drain());
#endif
}
