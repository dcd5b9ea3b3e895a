// SPDX-License-Identifier: MIT
// expect: weir::drain()
// expect: map_async(n, f)

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

int main() {
    const auto wait = [](int) { return weir::yield(); };
    auto right = weir::just(1) | weir::map_async(2, wait) | weir::drain();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::map(wait) | weir::drain();
#endif
}
