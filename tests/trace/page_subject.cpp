// SPDX-License-Identifier: MIT
// Records a known run under virtual time in the file that is its argument: a page or JSON.
//
// Two feeds are merged, parsed one by one, and stored by two workers behind a buffer. A storage is slow from the fourth
// order on, and the last order fails.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/trace.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

struct order {
    char shop;
    std::uint64_t number;
};
std::string text_of(const order& o) { return o.shop + std::to_string(o.number); }

auto feed(char shop, weir::duration period, std::size_t count) {
    return weir::interval(period) | weir::take(count) | weir::map([shop](std::uint64_t n) { return order{shop, n}; });
}

weir::task<order> parse(order o) {
    co_await weir::sleep_for(10ms);
    if (text_of(o) == "a7") throw std::runtime_error{"a7 is </script> no order"};
    co_return o;
}

weir::task<> store(order o) {
    const weir::duration needs = o.number < 4 ? 20ms : 90ms;
    co_await weir::sleep_for(needs);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    weir::testing::virtual_executor ex;
    const weir::trace recorded{ex, std::make_shared<weir::trace_file>(argv[1]), {.one_in = 1}};
    auto orders = weir::merge(feed('a', 30ms, 8) | weir::meter("shop a", text_of),
                              feed('b', 70ms, 3) | weir::meter("shop b", text_of)) |
                  weir::map_async(1, parse) | weir::meter("parsed", text_of) | weir::buffer(2) |
                  weir::map_async(2,
                                  [](order o) -> weir::task<order> {
                                      co_await store(o);
                                      co_return o;
                                  }) |
                  weir::meter("stored") | weir::for_each([](order) { return weir::sleep_for(5ms); });
    try {
        ex.run(std::move(orders));
    } catch (const std::runtime_error& e) {
        std::printf("%s\n", e.what());
    }
}
