// SPDX-License-Identifier: MIT
// Shows the effect of each kind of buffer between a producer of ten items per second and a consumer that needs a
// quarter of a second per item. Runs on a virtual clock: it takes no time, and its output is always the same.

#include <chrono>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>

#include <weir/testing/virtual_executor.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

weir::async_stream<int> produce(int count) {
    for (int n = 1; n <= count; ++n) {
        co_await weir::sleep_for(100ms);
        co_yield n;
    }
}

/// Runs the producer, a buffer that records the items it drops, and the consumer.
template <class Buffer>
void show(std::string_view name, Buffer make_buffer) {
    weir::testing::virtual_executor ex;
    std::string consumed;
    std::string dropped;
    auto consume = [&](int n) -> weir::task<> {
        consumed += std::to_string(n) + ' ';
        co_await weir::sleep_for(250ms);
    };
    auto note = [&](int n) { dropped += std::to_string(n) + ' '; };

    std::string error;
    try {
        ex.run(produce(12) | make_buffer(note) | weir::for_each(consume));
    } catch (const weir::buffer_overflow& e) {
        error = e.what();
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(ex.elapsed());
    std::cout << std::left << std::setw(24) << name << std::right << std::setw(5) << took.count() << " ms   "
              << std::left << std::setw(28) << consumed << dropped << '\n';
    if (!error.empty()) std::cout << "    " << error << '\n';
}

} // namespace

int main() {
    std::cout << "                           took      consumed                    dropped\n";
    show("no buffer", [](auto) { return weir::map([](int n) { return n; }); });
    show("buffer(3)", [](auto) { return weir::buffer(3); });
    show("buffer(3, drop_oldest)", [](auto note) { return weir::buffer(3, weir::overflow::drop_oldest, note); });
    show("buffer(3, drop_newest)", [](auto note) { return weir::buffer(3, weir::overflow::drop_newest, note); });
    show("buffer(3, error)", [](auto note) { return weir::buffer(3, weir::overflow::error, note); });
    if (std::cout.flush()) return 0;
    std::cerr << "backpressure: cannot write to standard output\n";
    return 1;
}
