// SPDX-License-Identifier: MIT
// expect: weir::consumer_timeout(d) destroys upstream while the consumer has an item, and these borrow their memory

#include <chrono>
#include <string_view>

#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    const auto text = [](int) { return std::string_view{"text"}; };
    auto right = weir::iota(1, 4) | weir::map(text) | weir::to_owned() | weir::consumer_timeout(1s);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map(text) | weir::consumer_timeout(1s);
#endif
}
