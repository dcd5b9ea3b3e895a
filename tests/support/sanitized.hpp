// SPDX-License-Identifier: MIT
#pragma once

namespace support {

/// Whether the program is built with AddressSanitizer or ThreadSanitizer: each step takes many times as long, and freed
/// memory stays for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

} // namespace support
