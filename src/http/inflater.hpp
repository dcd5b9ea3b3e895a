// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace weir::http::detail {

enum class compressed_format : unsigned char { gzip, deflate };

/// Decodes gzip or deflate, without any I/O.
class inflater {
public:
    explicit inflater(compressed_format format);
    inflater(const inflater&) = delete;
    inflater& operator=(const inflater&) = delete;
    ~inflater();

    /// Takes bytes off the front of the input and writes decoded bytes. Returns their number: fewer than there is room
    /// for when the input is used up.
    /// @throws std::runtime_error with the reason
    std::size_t decode(std::span<const char>& input, std::span<char> room);

    /// Whether the data may end here.
    bool complete() const noexcept;

private:
    struct state;

    std::unique_ptr<state> state_;
};

} // namespace weir::http::detail
