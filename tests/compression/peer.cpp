// SPDX-License-Identifier: MIT
/// Compresses or expands its standard input, for compression/peers_test.py.
///
///     compression_peer gzip|gunzip|zstd|unzstd
#include <exception>
#include <iostream>
#include <string_view>

#include <weir/compression/gzip.hpp>
#include <weir/compression/zstd.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/read.hpp>

int main(int, char** arguments) {
    const auto pass = [](auto op) {
        weir::executor executor;
        executor.run(weir::read(weir::standard_input()) | op | weir::write(weir::standard_output()));
    };
    const std::string_view what = arguments[1];
    try {
        if (what == "gzip") pass(weir::compression::gzip());
        if (what == "gunzip") pass(weir::compression::gunzip());
        if (what == "zstd") pass(weir::compression::zstd_compress());
        if (what == "unzstd") pass(weir::compression::zstd_decompress());
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
