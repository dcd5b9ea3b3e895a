// SPDX-License-Identifier: MIT
// expect: weir::with_stop(token, operation)
// expect: into a stream put take_until(token)

#include <stop_token>

#include <weir/interop/with_stop.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::with_stop(std::stop_token{}, weir::iota(1, 4) | weir::drain());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::with_stop(std::stop_token{}, weir::iota(1, 4));
#endif
}
