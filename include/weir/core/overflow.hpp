// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace weir {

// GCC 12 finds that `latest` hides the operator of that name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// What happens to an item for which a buffer has no room.
enum class overflow : std::uint8_t {
    suspend,     ///< the sender waits until there is room: no item is lost
    drop_oldest, ///< the oldest item in the buffer is dropped
    drop_newest, ///< the new item is dropped
    latest,      ///< the buffer holds the new item only
    error,       ///< the stream fails with buffer_overflow after the items in the buffer
};
#pragma GCC diagnostic pop

/// Thrown by a buffer with `overflow::error` that had no room for an item: the consumer is slower than the source.
///
/// A bound on one item, such as the length of a line, is a `limit_exceeded`. A request that a limiter refuses is
/// `overloaded`.
class buffer_overflow : public std::runtime_error {
public:
    explicit buffer_overflow(const std::string& what) : std::runtime_error{what} {}
};

namespace detail {

/// Whether a full buffer drops its oldest item for a new one, rather than the new item.
constexpr bool drops_oldest(overflow policy) noexcept {
    return policy == overflow::drop_oldest || policy == overflow::latest;
}

/// The error of a full buffer with `overflow::error`.
/// @param who  the buffer and the slow party: "weir::buffer: overflow: the consumer"
inline buffer_overflow overflow_of(const char* who, std::size_t held) {
    return buffer_overflow{std::string{who} + " is behind, and " + std::to_string(held) + " items are held"};
}

} // namespace detail

} // namespace weir
