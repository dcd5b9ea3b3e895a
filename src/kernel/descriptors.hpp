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

/// In a program that was started without some of its standard streams, what is opened next takes their place, and whoever
/// prints something writes it to a connection. This takes the places, with what can be neither read nor written (EBADF),
/// and is not there in children.
void occupy_standard_streams() noexcept;

/// Closes and renews.
std::shared_ptr<descriptor_closer> closer() noexcept;

} // namespace weir::kernel
