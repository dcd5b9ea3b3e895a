// SPDX-License-Identifier: MIT
// expect: weir::hedge(factory, delay)
// expect: []

#include <chrono>

#include <weir/executor/sleep.hpp>
#include <weir/resilience/hedge.hpp>

int main() {
    using namespace std::chrono_literals;
    auto right = weir::hedge([] { return weir::yield(); }, 1ms);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::hedge(weir::yield(), 1ms);
#endif
}
