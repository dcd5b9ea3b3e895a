// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace weir {

// GCC 12 finds that `latest` hides the operator of that name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// What happens to an item for which there is no room.
enum class overflow : std::uint8_t {
    suspend,     ///< whoever offers it waits until there is room: nothing is lost
    drop_oldest, ///< the item that was held longest makes room for it
    drop_newest, ///< it is dropped
    latest,      ///< it is the only one that is held
    error,       ///< the stream fails with overflow_error, after the items that are held
};
#pragma GCC diagnostic pop

/// There was no room for an item, and the one who built the pipeline asked for that to be an error.
class overflow_error : public std::runtime_error {
public:
    explicit overflow_error(const std::string& where) : std::runtime_error{where} {}
};

} // namespace weir
