// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "testing/simulation/world.hpp"

namespace weir::testing::detail {

/// A standard stream. Its input is empty, and its output is recorded.
class console final : public node {
public:
    using node::node;

    int attempt(const io_request& request) override;
    void close() noexcept override {}
};

/// The signals that have arrived for one stream of signals.
class signal_queue final : public node {
public:
    /// @param wanted  bit n - 1 for signal n
    signal_queue(world& w, std::uint64_t wanted) noexcept : node{w}, wanted_{wanted} {}

    int attempt(const io_request& request) override;
    void close() noexcept override {}

    bool wants(int number) const noexcept { return (wanted_ >> (number - 1) & 1) != 0; }
    void deliver(int number);
    int take() noexcept;

private:
    std::uint64_t wanted_;
    std::uint64_t came_ = 0;
};

/// @throws std::system_error for a number that is not a signal, or when no descriptor is free
std::unique_ptr<weir::detail::signal_subscription> catch_signals(const std::shared_ptr<world>& w,
                                                                 const std::vector<int>& numbers);
void raise(world& w, int number);

} // namespace weir::testing::detail
