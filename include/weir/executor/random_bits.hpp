// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <limits>

namespace weir {

/// A random number generator of 64 bits with 8 bytes of state (splitmix64). Not for cryptography.
///
///     std::uniform_int_distribution{1, 6}(cx.executor().random())
class random_bits {
public:
    using result_type = std::uint64_t;

    explicit constexpr random_bits(std::uint64_t seed) noexcept : state_{seed} {}

    static constexpr std::uint64_t min() noexcept { return 0; }
    static constexpr std::uint64_t max() noexcept { return std::numeric_limits<std::uint64_t>::max(); }

    constexpr std::uint64_t operator()() noexcept {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }

private:
    std::uint64_t state_;
};

} // namespace weir
