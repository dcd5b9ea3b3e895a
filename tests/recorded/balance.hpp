// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

#include <weir/operators/map.hpp>
#include <weir/operators/scan.hpp>

namespace recorded {

/// The operators of the pipeline that print.cpp records. They fail on a negative balance.
inline auto balance() {
    return weir::scan(0, [](int sum, int change) { return sum + change; }) | weir::map([](int sum) {
               if (sum < 0) throw std::runtime_error{"the balance is " + std::to_string(sum)};
               return sum;
           });
}

} // namespace recorded
