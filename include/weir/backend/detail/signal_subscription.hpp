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
    /// A signal that came, each once however often it came; 0 when there is none.
    virtual int take() noexcept = 0;
};

} // namespace weir::detail
