// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <weir/backend/backend.hpp>

namespace weir::detail {

/// Moments a period apart, counted from one origin so that lateness does not add up.
class schedule {
public:
    explicit schedule(duration period) noexcept : period_{period} {}

    /// The first moment is one period after the origin.
    void begin(time_point origin) noexcept { next_ = one_period_after(origin); }

    time_point next() const noexcept { return next_; }
    bool due(time_point now) const noexcept { return next_ <= now; }

    /// Passes over every moment up to now. Returns how many.
    std::uint64_t pass(time_point now) noexcept {
        if (!due(now)) return 0;
        const auto more = (now - next_) / period_;
        next_ = one_period_after(next_ + more * period_);
        return static_cast<std::uint64_t>(more) + 1;
    }

    /// Passes over one moment.
    void pass_one() noexcept { next_ = one_period_after(next_); }

private:
    time_point one_period_after(time_point t) const noexcept {
        return period_ > time_point::max() - t ? time_point::max() : t + period_;
    }

    duration period_;
    time_point next_{};
};

} // namespace weir::detail
