// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "sanitized.hpp"

namespace support {

/// How many seeds a simulation is given: as many as are asked for in an optimised build, fewer where each takes long.
constexpr std::uint64_t seeds(std::uint64_t n) {
    if constexpr (sanitized) return n / 50;
#if defined(__OPTIMIZE__)
    return n;
#else
    return n / 20;
#endif
}

} // namespace support
