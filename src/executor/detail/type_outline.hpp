// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace weir::detail {

/// The name of a type, as a user of pipelines would write it: "iota | map | for_each".
/// @param mangled  may be null
std::string type_outline(const char* mangled);

/// The last stage of that.
std::string stage_outline(const char* mangled);

/// The name of a function without return type and parameters, of the text in a std::source_location.
std::string function_outline(std::string_view signature);

} // namespace weir::detail
