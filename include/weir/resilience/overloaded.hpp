// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include <weir/core/time.hpp>

namespace weir {

/// Something was turned away because there is too much to do: nobody else may wait, or it has waited for too long.
class overloaded : public std::runtime_error {
public:
    explicit overloaded(const std::string& what) : std::runtime_error{what} {}
};

/// How many may wait for their turn, and how long. Whoever comes when so many wait, or has waited for so long, gets
/// `overloaded`.
struct queue_limits {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    std::size_t max_queued = unlimited;
    duration max_wait = duration::max();
};

} // namespace weir
