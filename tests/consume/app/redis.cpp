// SPDX-License-Identifier: MIT
#include <iostream>
#include <stdexcept>

#include <weir/redis/options.hpp>

int main() {
    try {
        static_cast<void>(weir::redis::options::from_url("http://localhost"));
    } catch (const std::invalid_argument&) {
        std::cout << "refused\n";
    }
}
