// SPDX-License-Identifier: MIT
// A program that stops while its operations wait for different things. tests/gdb/run.py looks at it with gdb.

#include <chrono>
#include <cstdlib>
#include <utility>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

weir::task<> locks(weir::mutex<int>& shared) {
    const auto held = co_await shared.lock();
    co_await weir::sleep_for(1h);
}

weir::task<> reads(weir::receiver<int> items) {
    co_await (std::move(items) | weir::buffer(4) | weir::for_each([](int) {}));
}

weir::task<> stops(weir::executor& ex) {
    weir::mutex<int> shared{1};
    auto [sender, receiver] = weir::channel<int>(3);
    weir::task_group group;
    group.spawn(locks(shared));
    group.spawn(locks(shared));
    const auto handle = ex.spawn(reads(std::move(receiver)));
    ex.spawn(weir::never<int>() | weir::drain()).detach();
    ex.spawn(weir::sleep_for(2h)).detach();
    co_await weir::sleep_for(1ms);
    std::abort();
}

} // namespace

int main() {
    weir::executor ex;
    ex.run(stops(ex));
}
