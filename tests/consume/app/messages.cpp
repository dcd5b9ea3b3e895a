// SPDX-License-Identifier: MIT
#include <iostream>
#include <stdexcept>

#include <weir/messages/simulated_broker.hpp>

int main() {
    try {
        weir::messages::simulated_broker broker{{.partitions = 0}};
    } catch (const std::invalid_argument&) {
        std::cout << "refused\n";
    }
}
