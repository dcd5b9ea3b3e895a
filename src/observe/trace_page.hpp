// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace weir::detail {

// The web page of a trace: the head, the events as a JSON array, and the end.
extern const std::string_view trace_page_head;
extern const std::string_view trace_page_end;

/// Whether a trace in a file of that name is a web page.
inline bool is_page(std::string_view path) noexcept { return path.ends_with(".html"); }

} // namespace weir::detail
