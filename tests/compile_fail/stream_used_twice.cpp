// SPDX-License-Identifier: MIT
// expect: a stream is used once and cannot be copied: write std::move(stream) | ...

#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto twice = [](int x) { return 2 * x; };
    weir::async_stream<int> numbers = weir::iota(1, 4);
#ifdef MUST_NOT_COMPILE
    auto wrong = numbers | weir::map(twice);
#else
    auto right = std::move(numbers) | weir::map(twice);
#endif
}
