#pragma once

#include <memory>

#include <weir/executor/backend.hpp>

namespace weir::kernel {

/// @throws std::system_error when the kernel does not give a ring, or one that is too old
std::unique_ptr<backend> make_uring_backend();

} // namespace weir::kernel
