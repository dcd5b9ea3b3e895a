// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// What the room observe keeps for an executor, which owns it and knows nothing more about it.
class observations {
public:
    observations() = default;
    observations(const observations&) = delete;
    observations& operator=(const observations&) = delete;
    virtual ~observations() = default;
};

} // namespace weir::detail
