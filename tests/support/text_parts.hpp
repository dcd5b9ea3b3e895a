// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// All that an operator makes of texts, in one. No part of it may be empty.
template <class Operator>
std::string text_through(const std::vector<std::string>& parts, Operator op) {
    weir::testing::virtual_executor ex;
    std::string whole;
    for (const auto& part : ex.run(weir::from_range(parts) | op | weir::to<std::vector>())) {
        CHECK_FALSE(part.empty());
        whole += part;
    }
    return whole;
}

/// A text in parts of random sizes, of which some are empty.
inline std::vector<std::string> in_parts(std::mt19937& random, const std::string& whole) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at != whole.size();) {
        const std::size_t n = std::uniform_int_distribution<std::size_t>{0, 5}(random);
        parts.push_back(whole.substr(at, n));
        at += parts.back().size();
    }
    return parts;
}

} // namespace support
