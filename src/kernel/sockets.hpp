// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/socket_system.hpp>

#include "kernel/descriptors.hpp"

namespace weir::kernel {

/// @param made  the mode in which sockets are opened
socket_system& kernel_sockets(descriptors made) noexcept;

} // namespace weir::kernel
