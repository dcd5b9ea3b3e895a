// SPDX-License-Identifier: MIT
// expect: weir::with_timeout(d, operation)
// expect: end the pipeline with a sink

#include <chrono>

#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    auto right = weir::with_timeout(1s, weir::iota(1, 4) | weir::drain());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::with_timeout(1s, weir::iota(1, 4));
#endif
}
