// SPDX-License-Identifier: MIT
// expect: a stream is used once and cannot be tried again

#include <exception>

#include <weir/executor/sleep.hpp>
#include <weir/resilience/retry_when.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::retry_when([] { return weir::iota(1, 4); }, [](std::exception_ptr) { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::retry_when(weir::iota(1, 4), [](std::exception_ptr) { return weir::yield(); });
#endif
}
