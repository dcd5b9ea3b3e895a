// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include <weir/backend/detail/signal_subscription.hpp>

namespace weir::kernel {

/// Catches the signals with these numbers until the result is destroyed.
/// @throws std::system_error naming the signal that cannot be caught
std::unique_ptr<weir::detail::signal_subscription> catch_signals(const std::vector<int>& numbers);

} // namespace weir::kernel
