// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <stdexcept>
#include <string>

namespace weir {

/// Thrown when an input or a queue is larger than the limit that the caller set: a line, a frame, the connections of a
/// server, the queue of a thread pool.
///
/// A buffer with `overflow::error` throws `buffer_overflow` instead, and a limiter throws `overloaded`.
class limit_exceeded : public std::runtime_error {
public:
    explicit limit_exceeded(const std::string& what) : std::runtime_error{what} {}
};

} // namespace weir
