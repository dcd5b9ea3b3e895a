// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <weir/backend/process_system.hpp>

#include "kernel/descriptors.hpp"

namespace weir::kernel {

/// @param made  the mode in which this process's ends of pipes are opened
std::shared_ptr<process_system> kernel_processes(descriptors made) noexcept;

} // namespace weir::kernel
