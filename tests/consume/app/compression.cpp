// SPDX-License-Identifier: MIT
#include <iostream>
#include <stdexcept>

#include <weir/compression/gzip.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/just.hpp>

int main() {
    weir::executor executor;
    try {
        executor.run(weir::just("text") | weir::compression::gunzip() | weir::drain());
    } catch (const weir::compression::invalid_data&) {
        std::cout << "refused\n";
    }
}
