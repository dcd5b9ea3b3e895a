#pragma once

#include <cstdint>
#include <memory>

#include <weir/executor/backend.hpp>

namespace weir::kernel {

/// How a backend wants what it opens.
enum class descriptors { blocking, non_blocking };

/// How often the number has been given to something new. A backend that knows something about a descriptor knows by
/// this when that is out of date, though it was closed elsewhere, on another thread even.
std::uint32_t generation(int fd) noexcept;

/// The number names something new, or soon will.
void renew(int fd) noexcept;

/// The same, with a number that no standard stream has: in a program that was started without some of them, the next that
/// is opened takes their place, and whoever reads stdin reads that.
/// @param fd  what a system call returned; less than 0: returned, with errno as it is
int above_standard_streams(int fd) noexcept;

/// Closes and renews.
std::shared_ptr<descriptor_closer> closer() noexcept;

} // namespace weir::kernel
