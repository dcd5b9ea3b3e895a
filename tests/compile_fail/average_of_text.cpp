// SPDX-License-Identifier: MIT
// expect: weir::average(): the items are not numbers

#include <string>

#include <weir/sink/average.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1, 2) | weir::average();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just<std::string>("a") | weir::average();
#endif
}
