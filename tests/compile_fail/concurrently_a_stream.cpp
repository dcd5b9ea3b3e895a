// SPDX-License-Identifier: MIT
// expect: weir::concurrently(background): takes a task or another operation, such as a stream that ends in a sink

#include <weir/operators/concurrently.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::concurrently(weir::iota(0) | weir::drain());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::concurrently(weir::iota(0));
#endif
}
