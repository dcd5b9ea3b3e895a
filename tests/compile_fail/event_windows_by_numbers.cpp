// SPDX-License-Identifier: MIT
// expect: weir::event_windows(kind, options, time_of): time_of cannot be called with a const item, or
// expect: does not return a std::chrono::time_point

#include <chrono>
#include <utility>

#include <weir/operators/event_windows.hpp>
#include <weir/source/just.hpp>

using namespace std::chrono_literals;

int main() {
    [[maybe_unused]] const auto at = [](int n) { return std::chrono::sys_seconds{n * 1s}; };
    auto right = weir::just(1) | weir::event_windows(weir::tumbling_windows{1s}, {}, at);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::event_windows(weir::tumbling_windows{1s}, {}, [](int n) { return n; });
#endif
}
