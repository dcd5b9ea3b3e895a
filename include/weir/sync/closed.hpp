// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <stdexcept>
#include <string>

namespace weir {

/// Thrown by an operation that waits for something that cannot happen any more: the object was closed, or its last
/// handle was destroyed.
class closed : public std::runtime_error {
public:
    explicit closed(const std::string& what) : std::runtime_error{what + ": closed"} {}
};

} // namespace weir
