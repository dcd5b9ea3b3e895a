// SPDX-License-Identifier: MIT
// expect: weir::skip_errors(): the items are not weir::outcomes with a value
// expect: let map_async return as_outcome(operation)

#include <weir/operators/materialize.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::materialize() | weir::skip_errors();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::skip_errors();
#endif
}
