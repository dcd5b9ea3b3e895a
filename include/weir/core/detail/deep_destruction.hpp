// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

namespace weir::detail {

/// Calls destroy(object), which may call this again for what the object owns, and so on.
///
/// A chain of coroutines or of boxed streams may be a million deep, and each link must be destroyed within the one that
/// owns it: its destructors may refer to the locals there. When the chain has become so deep that the stack might not
/// suffice, the next links are destroyed on a stack of their own.
void destroy_deep(void (*destroy)(void*) noexcept, void* object) noexcept;

} // namespace weir::detail
