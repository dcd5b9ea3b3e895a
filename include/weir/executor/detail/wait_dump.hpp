// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <string>

namespace weir {
class executor;
}

namespace weir::detail {

/// Every live operation of an executor, and what it waits for.
std::string describe_waits(executor& ex);

} // namespace weir::detail
