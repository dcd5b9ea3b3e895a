// SPDX-License-Identifier: MIT
// expect: weir::utf8_validate(): the items are not text: neither weir::bytes nor what converts to std::string_view

#include <string>

#include <weir/operators/utf8_validate.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::string{"text"}) | weir::utf8_validate();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::utf8_validate();
#endif
}
