// SPDX-License-Identifier: MIT
#include <iostream>
#include <stdexcept>

#include <weir/http/message.hpp>

int main() {
    weir::http::headers headers;
    try {
        headers.add("X", "a\r\nY: b");
    } catch (const std::invalid_argument&) {
        std::cout << "refused\n";
    }
}
