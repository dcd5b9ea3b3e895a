// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <string>

namespace weir {
class executor;
class waker;
} // namespace weir

namespace weir::detail {

/// Every live operation of an executor, and what it waits for.
std::string describe_waits(executor& ex);

/// What a waker belongs to: a line of the dump, with the operation that contains it. Empty when the dump does not show
/// it, such as after its end. The waker may have been destroyed.
std::string describe_waker(executor& ex, const waker& which);

} // namespace weir::detail
