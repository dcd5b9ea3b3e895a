// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace support {

/// How many seeds a simulation is given: as many as are asked for in an optimised build, fewer where each takes long.
constexpr std::uint64_t seeds(std::uint64_t n) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return n / 50;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return n / 50;
#endif
#endif
#if defined(__OPTIMIZE__)
    return n;
#else
    return n / 20;
#endif
}

} // namespace support
