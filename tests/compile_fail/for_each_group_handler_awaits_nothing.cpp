// SPDX-License-Identifier: MIT
// expect: weir::for_each_group(key, handler): handler cannot be called with a key and the stream of the items of its

#include <weir/sink/drain.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto key = [](int x) { return x % 2; };
    auto right =
        weir::iota(1, 4) | weir::for_each_group(key, [](int, auto items) { return std::move(items) | weir::drain(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::for_each_group(key, [](int, auto) {});
#endif
}
