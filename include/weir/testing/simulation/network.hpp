// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <weir/core/time.hpp>

namespace weir::testing {

namespace detail {
class world;
}

/// The behaviour of a simulated network. Probabilities are from 0 to 1.
struct network_options {
    duration shortest_latency = std::chrono::milliseconds{1}; ///< the shortest time in one direction
    duration longest_latency = std::chrono::milliseconds{5};
    std::uint64_t bandwidth = 0;    ///< bytes per second and direction of a connection; 0 for unlimited
    std::size_t buffer = 64 * 1024; ///< bytes in flight or unread per direction of a connection
    double short_transfer = 0;      ///< the probability that a read or write is short
    double reset = 0;               ///< the probability that a write resets the connection
    double refuse = 0;              ///< the probability that a connect is refused despite a listener
    double black_hole = 0;          ///< the probability that a connect gets no answer
    double abort_accept = 0;        ///< the probability that a connection fails before it is accepted
    double partition = 0;           ///< the probability that a write starts a partition between its hosts
    duration longest_partition = std::chrono::seconds{10};
    double lose_datagram = 0;
    double duplicate_datagram = 0;
    /// The time after which a connect without an answer fails with ETIMEDOUT.
    duration connect_timeout = std::chrono::seconds{127};
    /// The time after which a connection whose data does not arrive fails with ETIMEDOUT.
    duration send_timeout = std::chrono::minutes{15};
};

/// The network of a simulation: its faults and its connections. A host is named by an address. 127.0.0.1, ::1, 0.0.0.0
/// and :: refer to the host of the caller.
class network {
public:
    explicit network(detail::world& w) noexcept : world_{w} {}

    /// Returns the options. Changes affect later operations.
    network_options& options() noexcept;

    /// Separates two hosts for a time. Connections survive: their data arrives later, unless that takes longer than
    /// `send_timeout`. Connects are tried again until `connect_timeout`.
    void partition(std::string_view a, std::string_view b, duration how_long = duration::max());
    /// Ends all partitions between two hosts.
    void heal(std::string_view a, std::string_view b);
    void heal();

    /// Resets all connections of a host.
    void reset(std::string_view host);

    /// Returns the number of connections that are open at both ends.
    std::size_t connections() const noexcept;

private:
    detail::world& world_;
};

} // namespace weir::testing
