// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// Catches and stores signals from its construction to its destruction.
class signal_subscription {
public:
    signal_subscription() noexcept = default;
    signal_subscription(signal_subscription&&) = delete;
    virtual ~signal_subscription() = default;

    /// Returns a descriptor that is readable when a signal may have been caught.
    virtual int descriptor() const noexcept = 0;
    /// Returns the number of a caught signal, once per signal however often it arrived, or 0 if no signal is left.
    virtual int take() noexcept = 0;
};

} // namespace weir::detail
