// SPDX-License-Identifier: MIT
// expect: weir::compression::gzip(level): the items are neither weir::bytes nor what converts to std::string_view

#include <string>

#include <weir/compression/gzip.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::string{"a"}) | weir::compression::gzip();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::compression::gzip();
#endif
}
