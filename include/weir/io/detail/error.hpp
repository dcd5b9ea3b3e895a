// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <string_view>

namespace weir::detail {

/// `read access.log: Is a directory`
///
/// @param result     minus the error number
/// @param attempted  the attempted action, such as `read` or `connect to`
/// @param object     the path or address
/// @throws std::system_error
[[noreturn]] void throw_io_error(int result, std::string_view attempted, std::string_view object);

} // namespace weir::detail
