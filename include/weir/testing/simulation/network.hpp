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

/// How a simulated network behaves. Probabilities are from 0 to 1.
struct network_options {
    duration shortest_latency = std::chrono::milliseconds{1}; ///< one way
    duration longest_latency = std::chrono::milliseconds{5};
    std::uint64_t bandwidth = 0;    ///< bytes a second, of each direction of a connection; 0: any
    std::size_t buffer = 64 * 1024; ///< bytes on their way or not yet read, in one direction of a connection
    double short_transfer = 0;      ///< that a read or a write moves less than it could
    double reset = 0;               ///< that a write cuts the connection
    double refuse = 0;              ///< that a connect is refused, although there is a listener
    double black_hole = 0;          ///< that a connect has no answer
    double abort_accept = 0;        ///< that a connection fails before it is accepted
    double partition = 0;           ///< that a write starts a partition between its two hosts
    duration longest_partition = std::chrono::seconds{10};
    double lose_datagram = 0;
    double duplicate_datagram = 0;
    /// When a connect without an answer fails, with ETIMEDOUT.
    duration connect_timeout = std::chrono::seconds{127};
    /// When a connection fails whose data does not arrive, with ETIMEDOUT.
    duration send_timeout = std::chrono::minutes{15};
};

/// The network of a simulation: its faults, and what it has seen. A host is an address; 127.0.0.1, ::1 and the
/// addresses that stand for all are those of the host where the caller is.
class network {
public:
    explicit network(detail::world& w) noexcept : world_{w} {}

    /// In force from now on.
    network_options& options() noexcept;

    /// Nothing passes between two hosts for a while. Connections live on: what they carry arrives later, unless that
    /// takes longer than `send_timeout`. Connects are tried again until `connect_timeout`.
    void partition(std::string_view a, std::string_view b, duration how_long = duration::max());
    /// Ends all partitions between them.
    void heal(std::string_view a, std::string_view b);
    void heal();

    /// Resets all connections of a host.
    void reset(std::string_view host);

    /// Connections that both ends have open.
    std::size_t connections() const noexcept;

private:
    detail::world& world_;
};

} // namespace weir::testing
