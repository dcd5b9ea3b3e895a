// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <weir/backend/backend.hpp>

namespace weir::kernel {

/// @throws std::system_error
std::unique_ptr<backend> make_epoll_backend();

} // namespace weir::kernel
