// SPDX-License-Identifier: MIT
#include <weir/io/detail/error.hpp>

#include <string>
#include <system_error>

namespace weir::detail {

void throw_io_error(int result, std::string_view attempted, std::string_view object) {
    std::string what{attempted};
    if (!object.empty()) (what += ' ') += object;
    throw std::system_error{-result, std::system_category(), what};
}

} // namespace weir::detail
