// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weir::compression {

/// Base of the errors of compressed data that cannot be expanded:
///
///     weir::compression::gunzip: incorrect data check at byte 1042
class data_error : public std::runtime_error {
public:
    /// The number of bytes of upstream before the place of the error.
    std::uint64_t position() const noexcept { return position_; }

protected:
    data_error(std::string_view stage, std::string_view what, std::uint64_t position)
        : runtime_error{std::string{stage}.append(": ").append(what).append(" at byte ") + std::to_string(position)},
          position_{position} {}

private:
    std::uint64_t position_;
};

/// The data is damaged, is of another format, needs a larger window than the limit, or is followed by something else.
class invalid_data : public data_error {
public:
    invalid_data(std::string_view stage, std::string_view what, std::uint64_t position)
        : data_error{stage, what, position} {}
};

/// Upstream has ended before the data was complete.
class truncated_data : public data_error {
public:
    truncated_data(std::string_view stage, std::uint64_t position)
        : data_error{stage, "the data is cut off", position} {}
};

} // namespace weir::compression
