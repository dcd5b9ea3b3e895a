// SPDX-License-Identifier: MIT
#include <iostream>

#include <weir/tls/stream.hpp>

int main() {
    weir::tls::context_options options;
    options.key = "no key";
    try {
        const weir::tls::context refused{options};
    } catch (const weir::tls::error&) {
        std::cout << "refused\n";
    }
}
