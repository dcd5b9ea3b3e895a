// SPDX-License-Identifier: MIT
#include <weir/core/detail/arguments.hpp>

#include <cstddef>

namespace weir::detail {

void refuse_nul(const std::string& text, const char* what) {
    const std::size_t at = text.find('\0');
    if (at == text.npos) return;
    throw std::invalid_argument{what + (" contains a NUL character at position " + std::to_string(at)) + ": " +
                                text.c_str()};
}

} // namespace weir::detail
