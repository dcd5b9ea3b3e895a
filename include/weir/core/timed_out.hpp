// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace weir {

namespace detail {

/// Formats a duration as in source code: 300ms, 2s.
inline std::string to_text(std::chrono::nanoseconds d) {
    const auto n = d.count();
    if (n % 1'000'000'000 == 0) return std::to_string(n / 1'000'000'000) + "s";
    if (n % 1'000'000 == 0) return std::to_string(n / 1'000'000) + "ms";
    if (n % 1'000 == 0) return std::to_string(n / 1'000) + "us";
    return std::to_string(n) + "ns";
}

} // namespace detail

/// Thrown when an item or a result has not arrived within its time limit.
class timed_out : public std::runtime_error {
public:
    /// @param what  the operation and what was missing, such as "weir::timeout: no item"
    timed_out(const std::string& what, std::chrono::nanoseconds limit)
        : std::runtime_error{what + " within " + detail::to_text(limit)}, limit_{limit} {}

    std::chrono::nanoseconds limit() const noexcept { return limit_; }

private:
    std::chrono::nanoseconds limit_;
};

} // namespace weir
