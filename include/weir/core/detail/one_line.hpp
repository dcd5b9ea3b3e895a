// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <string>
#include <string_view>

namespace weir::detail {

/// Appends a text with its control characters as "\n" or "\x1b". The text may come from a peer, and must neither forge
/// lines of a log or a dump nor change the terminal that shows them.
void append_in_one_line(std::string& to, std::string_view text);

} // namespace weir::detail
