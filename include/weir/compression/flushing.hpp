// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>

namespace weir::compression {

/// When a compressor hands on what it has taken.
enum class flushing : std::uint8_t {
    when_full, ///< in blocks of 64 KiB and at the end: the best compression
    each_item, ///< after each item, too, so that the peer of a live stream can expand it at once
};

} // namespace weir::compression
