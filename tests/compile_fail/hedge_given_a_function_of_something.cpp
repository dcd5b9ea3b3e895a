// SPDX-License-Identifier: MIT
// expect: weir::hedge(factory, delay)
// expect: cannot be called without arguments

#include <chrono>

#include <weir/executor/sleep.hpp>
#include <weir/resilience/hedge.hpp>

using namespace std::chrono_literals;

int main() {
    auto right = weir::hedge([] { return weir::yield(); }, 1ms);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::hedge([](int) { return weir::yield(); }, 1ms);
#endif
}
