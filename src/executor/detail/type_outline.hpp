// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/stage_outline.hpp>

namespace weir::detail {

/// The name of a type, as a user of pipelines would write it: "iota | map | for_each".
/// @param mangled  may be null
std::string type_outline(const char* mangled);

/// A stage of a pipeline.
struct outlined_stage {
    std::string name;                  // as the user writes it, without namespaces
    std::string type;                  // its class, demangled
    std::vector<std::size_t> upstream; // the numbers of the stages that it asks
    held_bound held{};                 // at most, of those that were outlined from an object
};
/// The stages of a pipeline. Each stands behind those that it asks, so that the sink is the last one.
/// @param mangled  may be null
std::vector<outlined_stage> pipeline_outline(const char* mangled);
/// The same for an object, with what each stage holds at most, and with all streams of a container.
std::vector<outlined_stage> pipeline_outline(const drawing& what);

/// The operators between a meter and the meters upstream of it: "merge(interval | take, iota) | map".
/// @param mangled  the class of the meter; may be null
std::string operators_before(const char* mangled);

/// The last stage of type_outline.
std::string last_stage(const char* mangled);

/// The name of a type as the compiler writes it.
std::string demangled(const char* mangled);

/// The name of a function without return type and parameters, of the text in a std::source_location.
std::string function_outline(std::string_view signature);

} // namespace weir::detail
