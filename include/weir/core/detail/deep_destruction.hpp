// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// Calls destroy(object), which may call this function again for the objects that the object owns.
///
/// A chain of coroutines or of boxed streams may be a million deep. Each link must be destroyed within its owner,
/// because its destructors may refer to the owner's locals. When the chain is too deep for the stack, the following
/// links are destroyed on a stack of their own.
void destroy_deep(void (*destroy)(void*) noexcept, void* object) noexcept;

} // namespace weir::detail
