// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <stdexcept>
#include <string>

namespace weir {

/// Something grew beyond the bound that it was given: a line, a buffer whose policy is to fail.
class limit_exceeded : public std::runtime_error {
public:
    explicit limit_exceeded(const std::string& what) : std::runtime_error{what} {}
};

} // namespace weir
