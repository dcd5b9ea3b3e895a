// SPDX-License-Identifier: MIT
// expect: weir::event_windows(sliding_windows{...}, ...): an item is in several windows, and cannot be copied

#include <chrono>
#include <memory>

#include <weir/operators/event_windows.hpp>
#include <weir/source/just.hpp>

using namespace std::chrono_literals;

int main() {
    const auto at = [](const std::unique_ptr<int>& n) { return std::chrono::sys_seconds{*n * 1s}; };
    auto right = weir::just(std::make_unique<int>(1)) | weir::event_windows(weir::tumbling_windows{2s}, {}, at);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::make_unique<int>(1)) | weir::event_windows(weir::sliding_windows{2s, 1s}, {}, at);
#endif
}
