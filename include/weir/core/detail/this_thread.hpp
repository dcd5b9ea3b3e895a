// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// An address that no other living thread has.
inline const void* this_thread() noexcept {
    static thread_local constinit char mark = 0;
    return &mark;
}

} // namespace weir::detail
