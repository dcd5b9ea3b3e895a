// SPDX-License-Identifier: MIT
#include <weir/weir.hpp>

#include <cstdio>

int main() {
    weir::run(weir::iota(1, 5) | weir::map([](int x) { return x * x; }) |
              weir::for_each([](int x) { std::printf("%d ", x); }));
}
