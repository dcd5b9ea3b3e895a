// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/redis/client.hpp>
#include <weir/redis/detail/transport.hpp>
#include <weir/redis/options.hpp>

namespace weir::redis {

enum class message_kind : std::uint8_t {
    published, ///< a message
    resumed,   ///< the connection was lost and is there again: messages in between are missing
};

/// An item of a subscription.
struct message {
    message_kind kind = message_kind::published;
    std::string channel = {};
    std::string pattern = {}; ///< that the channel matches; "" for a channel that was subscribed by its name
    std::string payload = {}; ///< any bytes
};

/// Channels by name, and patterns such as `news.*`.
struct subscription {
    std::vector<std::string> channels = {};
    std::vector<std::string> patterns = {};
};

namespace detail {

async_stream<message> subscribe_by(options o, connector connect, subscription to);

} // namespace detail

/// subscribe(client, subscription): the messages that are published on channels, as a stream.
///
///     auto news = weir::redis::subscribe(client, {.channels = {"news"}, .patterns = {"alerts.*"}});
///     co_await (std::move(news) | weir::for_each([](const weir::redis::message& m) {
///         if (m.kind == weir::redis::message_kind::resumed) return reload_everything();
///         print(m.channel, m.payload);
///     }));
///
/// The subscription has a connection of its own, with the options of the client. The first poll connects. A connection
/// that is lost is made again with the waits of options.reconnect, and the channels are subscribed again. Redis keeps
/// no messages in the meantime, and the item `resumed` says so. A program that must not miss messages reads a Redis
/// stream (XREAD) instead.
///
/// A connection is read when the stream is polled. When the consumer is slow, messages wait in the server, which closes
/// the connection of a subscriber beyond its limit (client-output-buffer-limit pubsub, 32 MB by default): then there is
/// a `resumed` as well. While the stream waits, it sends PING after options.reply_timeout without a message, and gives
/// the connection up when nothing comes for as long again.
///
/// Ends: never.
/// Errors: not_connected when all attempts to connect have failed; redis::error when the server refuses the login or
/// the subscription.
/// Dropped: closes the connection.
/// Cost: a connection. The items own their texts.
/// See: client, retry.
///
/// @throws std::invalid_argument without channels and patterns
inline async_stream<message> subscribe(const client& c, subscription to) {
    return detail::subscribe_by(c.settings(), c.connects_by(), std::move(to));
}

} // namespace weir::redis
