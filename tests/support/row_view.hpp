// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <weir/core/item_traits.hpp>

namespace support {

/// A user's type that borrows, and the type that it becomes when it is copied.
struct row {
    std::string name;
};
struct row_view {
    std::string_view name;
};

} // namespace support

// In a header: together.py puts tests into namespaces, where nothing of another namespace can be specialised.
template <>
inline constexpr bool weir::borrowed<support::row_view> = true;
template <>
struct weir::owned<support::row_view> {
    static support::row copy(const support::row_view& view) { return {std::string{view.name}}; }
};
