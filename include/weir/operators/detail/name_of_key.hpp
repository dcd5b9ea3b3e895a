// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace weir::detail {

/// A key for a message, with a space before it; nothing for a key that is neither a number nor text.
template <class Key>
std::string name_of_key(const Key& key) {
    if constexpr (std::integral<Key>) {
        return " " + std::to_string(key);
    } else if constexpr (std::convertible_to<const Key&, std::string_view>) {
        return " " + std::string{std::string_view{key}};
    } else {
        return {};
    }
}

} // namespace weir::detail
