// SPDX-License-Identifier: MIT
// expect: weir::base64_encode(): the items are neither weir::bytes nor what converts to std::string_view

#include <string>

#include <weir/operators/base64.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::string{"a"}) | weir::base64_encode();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::base64_encode();
#endif
}
