// SPDX-License-Identifier: MIT
// expect: weir::sample(d, on_drop): on_drop cannot be called with (item) or (item, drop_reason)

#include <chrono>
#include <string>

#include <weir/core/drop_reason.hpp>
#include <weir/operators/sample.hpp>
#include <weir/source/iota.hpp>

int main() {
    using namespace std::chrono_literals;
    auto right = weir::iota(1, 4) | weir::sample(1s, [](int, weir::drop_reason) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::sample(1s, [](int, const std::string&) {});
#endif
}
