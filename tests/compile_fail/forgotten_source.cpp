// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: add a sink and co_await it

#include <weir/executor/executor.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::run(weir::just(1) | weir::drain());
#ifdef MUST_NOT_COMPILE
    weir::just(1);
#endif
}
