// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/time.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/record.hpp>
#include <weir/redis/client.hpp>
#include <weir/task.hpp>

namespace weir::redis {

/// How the members of a group share streams.
enum class stream_order {
    /// A stream belongs to one member at a time, by a lease. Its entries are delivered in order, and those that another
    /// member has left come first.
    per_stream,
    /// Each member reads each stream, and Redis gives an entry to one of them. Entries that a member has left are
    /// claimed after group_options.claim_after.
    none,
};

/// A group of consumers of Redis Streams, and one of its members.
struct group_options {
    std::string group;
    std::vector<std::string> streams; ///< the keys, each a partition; not empty, and none twice
    std::string member = {};          ///< a name that no other member has; "" for a random one
    stream_order order = stream_order::per_stream;

    /// A member that is silent for so long loses its streams. It renews its leases after a third of it. >= 30ms
    duration lease = std::chrono::seconds{10};
    /// Without order: an entry that its member has not acknowledged for so long is claimed by another. It has to exceed
    /// the longest time that a message takes, with its retries. > 0
    duration claim_after = std::chrono::minutes{1};
    /// The longest wait of one command for new entries; >= 1ms
    duration block = std::chrono::seconds{2};
    /// Where a new group starts: "0" for the first entry, "$" for entries that are added later, or an ID.
    std::string start = "0";

    std::string value_field = "value"; ///< the field of an entry that becomes the value of a message
    std::string key_field = "key";     ///< the one that becomes its key. All others become headers
    std::string prefix = "weir:";      ///< of the keys for leases and members
};

namespace detail {

class group_core;

} // namespace detail

/// A member of a group of consumers of Redis Streams, for a messages::consumer.
///
///     weir::redis::group_options g{.group = "billing", .streams = {"orders:0", "orders:1", "orders:2"}};
///     weir::messages::consumer orders{weir::redis::group_member{client, g}};
///     co_await (orders.messages() | weir::messages::for_each_message(64, bill));
///
/// A stream is a partition. Groups and streams that do not exist are created. The position of a message is the ID of
/// its entry, and its epoch is the fencing token of the lease, which grows with each owner. Reads, claims and commits
/// of a member are executed only while it has the lease, in scripts that check it: a member that was stopped and
/// continues neither takes nor acknowledges anything. A commit acknowledges entries (XACK).
///
/// Members that crash lose their leases after group_options.lease. Their consumers, in the sense of Redis, are deleted
/// when nothing is pending for them, and not before.
///
/// Entries that were trimmed before they were delivered are in the statistics of the consumer, as far as the server
/// counts them (Redis 7).
///
/// It has connections of its own, with the options of the client: one for commands, and one for each stream on which it
/// waits. They are made again with the waits of options.reconnect, and reads continue behind the last entry.
///
/// When entries together exceed options.max_reply_size, fewer are asked for at a time. A single larger one is an error.
///
/// Errors: those of client::command, which the consumer tries again.
/// Needs: Redis 6.2; 7.0 for the lag and for counts of trimmed entries. Not a cluster.
/// See: messages::consumer, shard_of, dead_letters_to.
class group_member {
public:
    /// @throws std::invalid_argument for options that are out of range
    group_member(const client& c, group_options o);
    group_member(group_member&&) noexcept;
    group_member& operator=(group_member&&) = delete;
    ~group_member();

    task<messages::group_change> next_change();
    task<std::vector<messages::record>> fetch(const messages::assignment& a, std::size_t n);
    task<bool> commit(const messages::assignment& a, const std::vector<messages::position>& done);
    task<> release(const messages::assignment& a);
    task<> leave();
    task<messages::partition_status> inspect(const messages::assignment& a);

private:
    std::unique_ptr<detail::group_core> core_;
};

/// The stream for a key, the same in each process: `client.command("XADD", shard_of(streams, key), "*", ...)`.
/// @throws std::invalid_argument without streams
const std::string& shard_of(const std::vector<std::string>& streams, std::string_view key);

/// A function for consumer_options.dead_letter, which adds dead letters to a stream, with the fields `value`, `key`,
/// `partition`, `position`, `attempts` and the headers.
/// Lifetime: refers to the client.
std::function<task<>(messages::dead_letter)> dead_letters_to(client& c, std::string stream);

} // namespace weir::redis
