// SPDX-License-Identifier: MIT
#include <weir/backend/backend.hpp>

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "kernel/signals.hpp"

namespace weir {

std::uint64_t backend::random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

std::unique_ptr<detail::signal_subscription> backend::catch_signals(const std::vector<int>& numbers) {
    return kernel::catch_signals(numbers);
}

} // namespace weir
