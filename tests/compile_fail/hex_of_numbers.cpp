// SPDX-License-Identifier: MIT
// expect: weir::hex_decode(): the items are not text: neither weir::bytes nor what converts to std::string_view

#include <string>

#include <weir/operators/hex.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::string{"a"}) | weir::hex_decode();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::hex_decode();
#endif
}
