// SPDX-License-Identifier: MIT
// expect: weir::chunk_by(f): f is neither a function of an item that returns a key, nor a predicate of two neighbours

#include <string>

#include <weir/operators/chunk_by.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::chunk_by([](int x) { return x / 2; });
    auto pair = weir::iota(1, 4) | weir::chunk_by([](int left, int right) { return left < right; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::chunk_by([](std::string) { return 1; });
#endif
}
