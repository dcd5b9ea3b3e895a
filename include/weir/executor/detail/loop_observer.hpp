// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>

#include <weir/core/time.hpp>

namespace weir::detail {

/// What an executor does in a turn, in this order.
enum class loop_phase : std::uint8_t { ready, timers, io, inbox };

/// Receives the phases of an executor's turns.
class loop_observer {
public:
    virtual void ended(loop_phase which) noexcept = 0;
    /// Timers are going to fire, and the executor should have looked at them so long ago.
    virtual void late_by(duration d) noexcept = 0;

protected:
    ~loop_observer() = default;
};

} // namespace weir::detail
