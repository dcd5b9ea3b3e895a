// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// From now on until it is destroyed, some signals are caught and remembered.
class signal_subscription {
public:
    signal_subscription() noexcept = default;
    signal_subscription(signal_subscription&&) = delete;
    virtual ~signal_subscription() = default;

    /// Readable when there may be something to take.
    virtual int descriptor() const noexcept = 0;
    /// The number of a caught signal, once per signal however often it arrived; 0 if no signal is left.
    virtual int take() noexcept = 0;
};

} // namespace weir::detail
