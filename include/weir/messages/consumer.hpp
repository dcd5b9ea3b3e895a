// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/time.hpp>
#include <weir/messages/broker.hpp>
#include <weir/messages/detail/member.hpp>
#include <weir/messages/error.hpp>
#include <weir/messages/message.hpp>
#include <weir/messages/record.hpp>
#include <weir/observe/histogram.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/resilience/retry_policy.hpp>
#include <weir/task.hpp>

namespace weir::messages {

/// A message that was rejected too often.
struct dead_letter {
    std::string partition;
    messages::record record; ///< as the broker delivered it
    std::uint32_t attempts = 0;
};

/// The limits of a consumer.
struct consumer_options {
    /// The maximum number of messages of a partition that are delivered and not committed. The partition is not read
    /// further until there are fewer. After a crash, as many may be delivered again; > 0
    std::size_t max_in_flight = 256;
    /// The maximum number of records that one fetch asks for; > 0
    std::size_t max_fetch = 64;
    /// The maximum number of partitions that `messages` reads at a time; > 0
    std::size_t max_partitions = 1024;

    /// Acknowledged messages are committed when there are so many, or so long after the first of them; > 0
    std::size_t commit_every = 64;
    duration commit_interval = std::chrono::milliseconds{100};

    /// Deliveries of a rejected message, and the waits between them. `attempts` counts the first delivery, too.
    retry_policy redelivery = {
        .attempts = 10, .delay = std::chrono::milliseconds{100}, .max_delay = std::chrono::minutes{1}};
    /// Stores a message that was rejected redelivery.attempts times. It is acknowledged when the operation has ended. A
    /// failure is tried again as `faults` says. Without the function, the stream of the partition fails with
    /// attempts_exhausted.
    std::function<task<>(messages::dead_letter)> dead_letter = {};

    /// The first message without a commit may be without an answer for so long: then the stream of its partition fails
    /// with stuck_message. duration::max() for no limit; > 0
    duration stuck_after = std::chrono::minutes{5};
    /// Called once for each stuck message. A pipeline that waits for the answer itself does not poll the stream, and
    /// does not see its error.
    std::function<void(const stuck_message&)> on_stuck = {};

    /// Time for the messages of a revoked partition to be answered; 0 or more
    duration revoke_limit = std::chrono::seconds{5};
    /// The time limit of `close`. Four fifths of it are for messages to be answered; > 0
    duration shutdown_limit = std::chrono::seconds{10};
    /// How often the broker is asked for the lag of each partition; > 0
    duration inspect_interval = std::chrono::seconds{1};

    /// What is done when the broker fails: attempts in a row, and waits between them. Then the stream fails.
    retry_policy faults = {
        .attempts = 20, .delay = std::chrono::milliseconds{50}, .max_delay = std::chrono::seconds{2}};
};

/// Counters of a consumer, and its present load.
struct consumer_statistics {
    std::uint64_t delivered = 0;     ///< messages, with those that were delivered again
    std::uint64_t acknowledged = 0;  ///< messages
    std::uint64_t rejected = 0;      ///< messages
    std::uint64_t redelivered = 0;   ///< messages
    std::uint64_t dead_letters = 0;  ///< messages that were rejected too often
    std::uint64_t late_answers = 0;  ///< to messages of partitions that were taken away
    std::uint64_t committed = 0;     ///< messages
    std::uint64_t commits = 0;       ///< that the broker has executed
    std::uint64_t stale_commits = 0; ///< that came after the end of their assignment
    std::uint64_t faults = 0;        ///< operations of the broker that have failed
    std::uint64_t assigned = 0;      ///< partitions, with those that came again
    std::uint64_t revoked = 0;       ///< partitions that were given back
    std::uint64_t lost = 0;          ///< partitions that were taken away
    std::uint64_t stuck = 0;         ///< messages without an answer for consumer_options.stuck_after

    std::size_t partitions = 0;            ///< at present
    std::size_t in_flight = 0;             ///< messages without an answer, at present
    std::size_t uncommitted = 0;           ///< messages that were delivered and not committed, at present
    duration oldest_unacknowledged = {};   ///< the age of the oldest message without an answer; 0 for none
    std::optional<std::uint64_t> lag = {}; ///< records that are not delivered, if the broker knows it
    std::uint64_t trimmed = 0; ///< records of its partitions that the broker has removed before they were delivered
    histogram commit_latency = {};
};

/// What `close` has left behind.
struct close_report {
    std::size_t unanswered = 0;  ///< messages, which the group will get again
    std::size_t uncommitted = 0; ///< messages that were answered, and that the group will get again
};

namespace detail {

class consumer_core;
class partition_core;

} // namespace detail

/// The messages of a partition, as long as it belongs to the consumer. A stream.
///
/// Messages are delivered in order. One that was rejected is delivered again after its wait, before messages that were
/// not delivered yet.
///
/// Ends: when the partition is taken away, and when the consumer is closed. Messages that were delivered may still be
/// answered, for as long as consumer_options say.
/// Errors: those of the broker, after consumer_options.faults; stuck_message; attempts_exhausted; dropped_message.
/// Dropped: gives the partition back to the group, which may assign it again.
class [[nodiscard("add a sink and co_await it")]] partition {
public:
    using value_type = message<std::string>;

    explicit partition(std::shared_ptr<detail::partition_core> core) noexcept : core_{std::move(core)} {}
    partition(partition&&) noexcept = default;
    partition& operator=(partition&&) = delete;
    ~partition();

    poll<value_type> poll_next(context& cx);
    void outline(stage_outline& out) const;

    const std::string& name() const noexcept;
    std::uint64_t epoch() const noexcept;

private:
    std::shared_ptr<detail::partition_core> core_;
};

/// The partitions of a consumer, each time one is assigned. A stream.
class [[nodiscard("add a sink and co_await it")]] partition_stream {
public:
    using value_type = partition;

    explicit partition_stream(std::shared_ptr<detail::consumer_core> core) noexcept : core_{std::move(core)} {}
    partition_stream(partition_stream&&) noexcept = default;
    partition_stream& operator=(partition_stream&&) = delete;
    ~partition_stream();

    poll<value_type> poll_next(context& cx);
    void outline(stage_outline& out) const;

private:
    std::shared_ptr<detail::consumer_core> core_;
};

/// A member of a group that shares the partitions of a topic: streams of messages, which are committed in order when
/// they have been acknowledged, in whatever order that is.
///
///     weir::messages::consumer orders{broker.join("billing"), {.max_in_flight = 1000}};
///     co_await (orders.messages() | weir::messages::for_each_message(64, handle_order));
///     co_await orders.close();
///
/// Nothing is read that is not asked for: a partition whose stream is not polled is not fetched, and one whose messages
/// are not answered is fetched up to max_in_flight. Of each partition, the longest row of acknowledged messages without
/// a gap is committed. So after a crash, the next owner of the partition gets every message without an answer, and
/// messages that were acknowledged behind it, again: at least once.
///
/// Exactly once needs the effect and the position in one transaction. A program that stores both, with the epoch,
/// ignores messages at or before the position that it has stored.
///
/// Dropped: the consumer leaves without a word, as after a crash: streams end, and later answers have no effect.
/// Threads: one executor.
/// Cost: memory for max_in_flight messages per partition, in which a copy of each delivered message is kept until it is
/// committed; no allocation per message once the copies have grown to their sizes.
/// See: message, map_value, for_each_message, simulated_broker, check_conformance.
class consumer {
public:
    /// @param body  a member of a group
    /// @throws std::invalid_argument for options that are out of range
    template <broker B>
    explicit consumer(B body, consumer_options options = {})
        : consumer{std::make_unique<detail::member_of<B>>(std::move(body)), std::move(options)} {}
    consumer(std::unique_ptr<detail::member> body, consumer_options options);
    consumer(consumer&&) noexcept = default;
    consumer& operator=(consumer&& other) noexcept;
    ~consumer();

    /// partitions(): a stream per partition, as they are assigned. To be called once.
    ///
    ///     co_await (orders.partitions() | weir::flat_map(64, handle_partition) | weir::drain());
    ///
    /// The first poll joins the group. A partition that is not read holds up its messages, and no others.
    ///
    /// Ends: after `close` was called.
    /// Errors: those of the broker, after consumer_options.faults.
    /// Dropped: as when the consumer is closed; `close` waits for the end.
    /// @throws std::logic_error when called again
    partition_stream partitions();

    /// messages(): the messages of all partitions, as they arrive. To be called once, instead of `partitions`.
    /// @throws std::logic_error when called again
    auto messages() {
        auto all = partitions();
        return std::move(all) | flat_map(max_partitions(), [](partition p) { return p; });
    }

    /// `co_await c.close()`: ends the streams, waits for messages to be answered, commits, gives the partitions back,
    /// and leaves the group. Takes consumer_options.shutdown_limit at most, whatever the broker does.
    task<close_report> close();

    consumer_statistics stats() const;

private:
    std::size_t max_partitions() const noexcept;

    std::shared_ptr<detail::consumer_core> core_;
};

} // namespace weir::messages
