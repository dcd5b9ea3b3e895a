// SPDX-License-Identifier: MIT
#include <iostream>
#include <stdexcept>

#include <weir/websocket/connect.hpp>

int main() {
    try {
        static_cast<void>(weir::websocket::connect("http://localhost"));
    } catch (const std::invalid_argument&) {
        std::cout << "refused\n";
    }
}
