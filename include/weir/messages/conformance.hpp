// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <weir/core/time.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/task.hpp>

namespace weir::messages {

/// What happens to a broker while it is used.
enum class fault {
    connection_loss, ///< the connections of all members are lost, and can be made again soon
    pause,           ///< a member is not heard by the broker for longer than its session, or the broker is stopped
    restart,         ///< the broker is killed, and started again with its data
    slowness,        ///< the broker answers slowly for some time
};

/// A broker, its topic and its group, as `check_conformance` uses them.
class broker_under_test {
public:
    virtual ~broker_under_test() = default;

    /// A new topic without records, and a new group. Called before each check.
    virtual task<> reset() = 0;
    virtual std::size_t partitions() const = 0;
    /// A consumer that is a new member of the group.
    virtual consumer join(consumer_options o) = 0;
    /// Adds a record to a partition. Succeeds in the end, also while there is a fault.
    virtual task<> publish(std::size_t partition, std::string value) = 0;
    /// Starts a fault, which ends by itself. Returns false for a fault that it cannot make.
    virtual task<bool> inject(fault what) = 0;
};

struct conformance_options {
    /// The time limit of each check; > 0
    duration patience = std::chrono::seconds{60};
    std::size_t records = 40; ///< of each partition in each check; 8 or more
    /// Whether a partition has one owner at a time. Without it, order is not checked.
    bool exclusive = true;
};

/// check_conformance(broker, options): "", or what a broker does that its contract does not allow.
///
///     CHECK(executor.run(weir::messages::check_conformance(my_broker)) == "");
///
/// It consumes, acknowledges, rejects and drops; members join, leave, and are destroyed; and each fault is made that
/// the broker can make. It checks that
///
/// - no record is lost, and each partition is somebody's after each change of the group
/// - records are duplicated only after a fault or the loss of a member, and not more of them than may be in flight
/// - first deliveries are in order for each partition
/// - nothing is committed past a record without an answer
/// - late answers for a partition that was taken away are ignored, and are no errors
/// - a rejected record is delivered again, and becomes a dead letter at last
/// - `close` ends within its limit, with answers missing and while the broker does not answer
///
/// Errors: those of `broker`. A check that takes longer than options.patience is a failure that names the check.
/// See: broker, consumer, simulated_broker.
///
/// @throws std::invalid_argument for options that are out of range
task<std::string> check_conformance(broker_under_test& tested, conformance_options o = {});

} // namespace weir::messages
