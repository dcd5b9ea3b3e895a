// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/time.hpp>
#include <weir/messages/broker.hpp>
#include <weir/messages/record.hpp>
#include <weir/task.hpp>

namespace weir::messages {

struct simulated_broker_options {
    std::size_t partitions = 4; ///< > 0
    /// How often members tell that they are there; > 0
    duration heartbeat = std::chrono::milliseconds{100};
    /// A member that has told nothing for so long loses its partitions; > heartbeat
    duration session_timeout = std::chrono::seconds{1};
    /// A revoked partition that is not released within this time is taken away; 0 or more
    duration rebalance_limit = std::chrono::seconds{10};
    duration max_latency = std::chrono::milliseconds{5}; ///< of an operation; each takes a random part of it
    double failing = 0;                  ///< the probability that an operation fails before it is executed
    double lost_reply = 0;               ///< the probability that an operation fails after it was executed
    std::size_t max_records = 1'000'000; ///< of a partition. More are refused with limit_exceeded
};

namespace detail {

class simulated_state;

} // namespace detail

/// A broker in memory, with one group of consumers. It is driven by the executor alone: with a virtual_executor or a
/// simulation, hours pass in no time, and with a simulation the seed decides latencies and faults.
///
///     weir::messages::simulated_broker broker{{.partitions = 3, .lost_reply = 0.01}};
///     broker.publish(0, "key", "value");
///     weir::messages::consumer c{broker.join()};
///
/// The partitions are spread evenly over the members. A partition moves from a living member to another by being
/// revoked, released and assigned again, with a larger epoch.
///
/// Threads: one executor.
/// See: consumer, check_conformance.
class simulated_broker {
public:
    /// A member of the group, for a consumer. It joins with its first operation. When it is destroyed without `leave`,
    /// the broker notices after session_timeout.
    class member {
    public:
        explicit member(std::shared_ptr<detail::simulated_state> state, std::uint64_t id) noexcept;
        member(member&&) noexcept = default;
        member& operator=(member&&) = delete;
        ~member();

        task<group_change> next_change();
        task<std::vector<record>> fetch(const assignment& a, std::size_t n);
        task<bool> commit(const assignment& a, const std::vector<position>& done);
        task<> release(const assignment& a);
        task<> leave();
        task<partition_status> inspect(const assignment& a);

    private:
        std::shared_ptr<detail::simulated_state> state_;
        std::uint64_t id_;
    };

    /// @throws std::invalid_argument for options that are out of range
    explicit simulated_broker(simulated_broker_options o = {});

    member join();

    /// Adds a record to a partition, and returns its position.
    /// @throws std::invalid_argument for a partition that is not there; limit_exceeded when it is full
    position publish(std::size_t partition, std::string key, std::string value, header_list headers = {});
    /// The name of a partition, such as "p0".
    static std::string name_of(std::size_t partition);
    /// The number of records of a partition that are committed.
    std::size_t committed(std::size_t partition) const;
    /// The number of partitions that belong to a member.
    std::size_t assigned() const;
    std::size_t members() const; ///< that are not known to be gone

    /// Removes the oldest n records of a partition, as a retention limit does.
    void trim(std::size_t partition, std::size_t n);
    /// All operations fail for so long, as when no connection can be made.
    void disconnect(duration d);
    /// The member that has joined first hears nothing and is not heard for so long.
    void pause_first(duration d);
    /// Each operation takes d longer, from now on.
    void slow_down(duration d);
    /// All members lose all partitions at once, which are assigned anew.
    void restart();

private:
    std::shared_ptr<detail::simulated_state> state_;
};

} // namespace weir::messages
