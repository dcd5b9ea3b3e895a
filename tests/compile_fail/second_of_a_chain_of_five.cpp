// SPDX-License-Identifier: MIT
// expect: weir::map(f)
// expect: f cannot be called with an item

#include <string>

#include <weir/executor/executor.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto to_text = [](int x) { return std::to_string(x); };
    const auto size = [](const std::string& s) { return s.size(); };
    const auto odd = [](auto x) { return x % 2 != 0; };
    weir::run(weir::iota(1, 4) | weir::map(to_text) | weir::map(size) | weir::filter(odd) | weir::take(2) |
              weir::for_each([](std::size_t) {}));
#ifdef MUST_NOT_COMPILE
    const auto twice = [](int x) { return 2 * x; };
    weir::run(weir::iota(1, 4) | weir::map(to_text) | weir::map(twice) | weir::filter(odd) | weir::take(2) |
              weir::for_each([](std::size_t) {}));
#endif
}
