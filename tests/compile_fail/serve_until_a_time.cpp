// SPDX-License-Identifier: MIT
// expect: weir::serve(handler, stop)
// expect: the stop is a stream, a task or another operation

#include <chrono>

#include <weir/executor/sleep.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    const auto handler = [](int) { return weir::yield(); };
    auto right = weir::iota(1, 4) | weir::serve(handler, weir::sleep_for(1s));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::serve(handler, 1s);
#endif
}
