// SPDX-License-Identifier: MIT
// expect: weir::compression::zstd_decompress(options): the items are neither weir::bytes nor

#include <string>

#include <weir/compression/zstd.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(std::string{"a"}) | weir::compression::zstd_decompress();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::compression::zstd_decompress();
#endif
}
