// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <stdexcept>
#include <string>

namespace weir {

/// What somebody waited for will not come any more: it was closed, or the last handle on it that could bring it is
/// gone.
class closed : public std::runtime_error {
public:
    explicit closed(const std::string& what) : std::runtime_error{what + ": closed"} {}
};

} // namespace weir
