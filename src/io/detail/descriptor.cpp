// SPDX-License-Identifier: MIT
#include <weir/io/detail/descriptor.hpp>

#include "kernel/descriptors.hpp"

namespace weir::detail {

descriptor::descriptor(int fd) noexcept : fd_{fd} { kernel::borrow(fd); }

} // namespace weir::detail
