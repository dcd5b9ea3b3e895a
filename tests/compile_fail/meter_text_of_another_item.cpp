// SPDX-License-Identifier: MIT
// expect: weir::meter(name, text)
// expect: text cannot be called with a const item, or returns no std::string

#include <string>

#include <weir/observe/meter.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1) | weir::meter("numbers", [](int n) { return std::to_string(n); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(1) | weir::meter("numbers", [](const std::string& text) { return text; });
#endif
}
