// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <weir/backend/backend.hpp>

namespace weir::detail {

/// Points in time one period apart, computed from one origin so that delays do not accumulate.
class periodic_schedule {
public:
    explicit periodic_schedule(duration period) noexcept : period_{period} {}

    /// Sets the origin. The first point is one period after it.
    void start(time_point origin) noexcept { next_ = one_period_after(origin); }

    time_point next() const noexcept { return next_; }
    bool due(time_point now) const noexcept { return next_ <= now; }

    /// Advances past every point up to now and returns their number.
    std::uint64_t pass(time_point now) noexcept {
        if (!due(now)) return 0;
        const auto more = (now - next_) / period_;
        next_ = one_period_after(next_ + more * period_);
        return static_cast<std::uint64_t>(more) + 1;
    }

    /// Advances past one point.
    void pass_one() noexcept { next_ = one_period_after(next_); }

private:
    time_point one_period_after(time_point t) const noexcept {
        return period_ > time_point::max() - t ? time_point::max() : t + period_;
    }

    duration period_;
    time_point next_{};
};

} // namespace weir::detail
