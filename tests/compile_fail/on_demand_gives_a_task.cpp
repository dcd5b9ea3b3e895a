// SPDX-License-Identifier: MIT
// expect: weir::on_demand(f): f returns an operation or a stream, and nothing would await it

#include <weir/executor/sleep.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::on_demand([] {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::on_demand([] { return weir::yield(); });
#endif
}
