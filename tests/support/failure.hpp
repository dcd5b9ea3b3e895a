// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <stdexcept>

namespace support {

/// An error for a stream that is to fail.
inline std::exception_ptr failure(const char* what = "failed") {
    return std::make_exception_ptr(std::runtime_error{what});
}

} // namespace support
