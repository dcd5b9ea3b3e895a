// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <exception>
#include <string>

namespace weir {

/// The type and the message of an error, one line each for the errors that it contains: those of a group_error, and
/// nested ones.
///
///     weir::group_error: weir::task_group: 2 failed: no answer; connect: Connection refused
///       std::runtime_error: no answer
///       std::system_error: connect: Connection refused
///
/// Where an error_trail exists, the operations and task-locals that each error has passed follow it.
///
/// A null pointer is "no error".
/// See: error_trail, group_error, executor::on_error.
std::string what_happened(const std::exception_ptr& error);

} // namespace weir
