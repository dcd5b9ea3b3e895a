// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::messages {

/// The place of a message in its partition. Positions of a partition grow.
///
/// A log with offsets uses `low` alone. Redis Streams use both: milliseconds, and a sequence number.
struct position {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend auto operator<=>(const position&, const position&) = default;
};

/// `high-low`, such as 1700000000000-3.
std::string to_string(const position& p);

/// Names and values, in the order of the broker. A name may occur several times.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// A message as a broker has it.
struct record {
    messages::position position = {};
    std::string key = {}; ///< "" for none
    std::string value = {};
    header_list headers = {};
    std::chrono::system_clock::time_point timestamp = {};
    std::uint32_t attempt = 1; ///< the number of deliveries of it that the broker has counted, with this one
};

/// A partition that belongs to a member of a group for some time.
struct assignment {
    std::string partition;
    /// Grows with each assignment of the partition. A store that remembers the largest epoch that it has seen can
    /// refuse the writes of a member that does not know yet that it has lost the partition (a fencing token).
    std::uint64_t epoch = 0;
};

enum class change_kind : std::uint8_t {
    assigned, ///< the partition is this member's
    revoked,  ///< the partition is wanted by another member: the work on it may be finished, and then it is released
    lost,     ///< the partition is no longer this member's: commits of it are ignored
};

/// A change of what a member of a group has.
struct group_change {
    change_kind kind = change_kind::assigned;
    messages::assignment assignment = {};
};

/// What a broker knows about a partition.
struct partition_status {
    std::optional<std::uint64_t> lag = std::nullopt; ///< the number of records that the group has not been given
    std::uint64_t trimmed = 0; ///< records that the broker has removed before the group was given them
};

} // namespace weir::messages
