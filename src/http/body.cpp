// SPDX-License-Identifier: MIT
#include <weir/http/body.hpp>

namespace weir::http {

std::optional<std::uint64_t> body::length() const noexcept {
    if (is_stream()) return length_;
    return text().size();
}

std::string_view body::text() const noexcept {
    if (const auto* const text = std::get_if<std::string>(&content_)) return *text;
    if (const auto* const part = std::get_if<bytes>(&content_)) return *part;
    return {};
}

} // namespace weir::http
