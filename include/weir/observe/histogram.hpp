// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <weir/core/time.hpp>

namespace weir {

/// Counts durations in buckets whose width grows with the duration, so that any quantile can be asked for afterwards.
///
///     weir::histogram latency;
///     latency.add(42us);
///     report(latency.quantile(0.99));
///
/// A quantile is exact below 32 ns, and otherwise at most 1/32 too small or too large. Histograms of the same kind of
/// thing may be added up. Negative durations count as zero.
///
/// Cost: 8 KiB, and no allocation; a few instructions for each `add`.
/// See: run_watch.
class histogram {
public:
    void add(duration d) noexcept {
        const auto value = static_cast<std::uint64_t>(std::max<duration::rep>(d.count(), 0));
        ++buckets_[bucket_of(value)];
        ++count_;
        sum_ += duration{static_cast<duration::rep>(value)};
        max_ = std::max(max_, duration{static_cast<duration::rep>(value)});
    }
    histogram& operator+=(const histogram& other) noexcept {
        for (std::size_t i = 0; i != buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
        count_ += other.count_;
        sum_ += other.sum_;
        max_ = std::max(max_, other.max_);
        return *this;
    }

    std::uint64_t count() const noexcept { return count_; }
    duration sum() const noexcept { return sum_; }
    duration max() const noexcept { return max_; }
    /// Zero when nothing was added.
    duration mean() const noexcept {
        return count_ == 0 ? duration::zero() : sum_ / static_cast<duration::rep>(count_);
    }

    /// The duration that a share of all does not exceed: 0.5 for the median, 1 for the maximum. Zero when nothing was
    /// added.
    /// @throws std::invalid_argument when q is not between 0 and 1
    duration quantile(double q) const {
        if (!(q >= 0 && q <= 1)) throw std::invalid_argument{"weir::histogram::quantile(q): q is not between 0 and 1"};
        const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
        if (rank >= count_) return max_;
        std::uint64_t below = 0;
        for (std::size_t i = 0; i != buckets_.size(); ++i) {
            below += buckets_[i];
            if (below != 0 && below >= rank) return std::min(max_, middle_of(i));
        }
        return max_;
    }

private:
    // A duration of n bits has its n - 5 lowest bits left out.
    static constexpr unsigned kept_bits = 5;
    static constexpr std::uint64_t per_power = std::uint64_t{1} << (kept_bits - 1);
    static constexpr std::size_t size = (64 - kept_bits) * per_power + 2 * per_power;

    static std::size_t bucket_of(std::uint64_t value) noexcept {
        if (value < 2 * per_power) return value;
        const auto left_out = static_cast<unsigned>(std::bit_width(value)) - kept_bits;
        return left_out * per_power + (value >> left_out);
    }
    static duration middle_of(std::size_t bucket) noexcept {
        if (bucket < 2 * per_power) return duration{static_cast<duration::rep>(bucket)};
        const auto left_out = static_cast<unsigned>(bucket / per_power - 1);
        const std::uint64_t lowest = (bucket - left_out * per_power) << left_out;
        return duration{static_cast<duration::rep>(lowest + (std::uint64_t{1} << left_out) / 2)};
    }

    std::array<std::uint64_t, size> buckets_{};
    std::uint64_t count_ = 0;
    duration sum_{};
    duration max_{};
};

} // namespace weir
