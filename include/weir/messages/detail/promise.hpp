// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <weir/core/time.hpp>

namespace weir::messages::detail {

class partition_core;

enum class answer : std::uint8_t {
    acknowledged,
    rejected, ///< to be delivered again
    failed,   ///< the stream of the partition is to fail
};

/// The right to answer one message, once.
class promise {
public:
    promise() noexcept = default;
    /// @param number  of the message in the window of its partition
    promise(std::shared_ptr<partition_core> core, std::uint64_t number) noexcept
        : core_{std::move(core)}, number_{number} {}

    explicit operator bool() const noexcept { return core_ != nullptr; }

    /// Nothing happens if it has been given an answer.
    /// @param wait  until the message is delivered again; std::nullopt for that of the consumer's options
    void give(answer a, std::optional<duration> wait = std::nullopt) noexcept;

    /// "" and 0 without a partition.
    std::string_view partition() const noexcept;
    std::uint64_t epoch() const noexcept;

private:
    std::shared_ptr<partition_core> core_; // null when it has been answered
    std::uint64_t number_ = 0;
};

} // namespace weir::messages::detail
