// SPDX-License-Identifier: MIT
#include <weir/io/readiness.hpp>

#include <string>

#include <weir/io/detail/error.hpp>

namespace weir::detail {

void readiness_operation::fail(int result) const {
    const io_request& request = operation_.request();
    throw_io_error(result, request.reads() ? "readable:" : "writable:", "descriptor " + std::to_string(request.fd));
}

} // namespace weir::detail
