// SPDX-License-Identifier: MIT
// flags: -Werror=unused-result
// expect: add a sink and co_await it

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sink/drain.hpp>

weir::async_stream<int> numbers() { co_yield 1; }

int main() {
    weir::run(numbers() | weir::drain());
#ifdef MUST_NOT_COMPILE
    numbers();
#endif
}
