// SPDX-License-Identifier: MIT
// Shows how a dump finds what a stuck program waits for: two tasks lock two mutexes in opposite orders, and a pipeline
// behind them stands still. Runs on a virtual clock, under which such a program is a deadlock.

#include <chrono>
#include <iostream>

#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

using table = weir::mutex<int>;

/// Moves money from one account to another, and reports each transfer.
weir::task<> transfer(table& from, table& to, weir::sender<int> report) {
    auto source = co_await from.lock();
    co_await weir::sleep_for(1ms); // another task runs meanwhile
    auto target = co_await to.lock();
    --*source;
    ++*target;
    co_await report.send(1);
}

weir::task<> bank() {
    table savings{100};
    table checking{100};
    auto [report, reports] = weir::channel<int>(8);

    weir::task_group transfers;
    transfers.spawn(transfer(savings, checking, report));
    transfers.spawn(transfer(checking, savings, std::move(report)));

    co_await (std::move(reports) | weir::buffer(4) | weir::for_each([](int) { std::cout << "a transfer\n"; }));
    co_await transfers.join();
}

} // namespace

int main() {
    weir::testing::virtual_executor ex;
    try {
        ex.run(bank());
    } catch (const weir::deadlock& e) {
        std::cout << e.what(); // ends with weir::dump(ex)
    }
}
