// SPDX-License-Identifier: MIT
#include <weir/redis/subscribe.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/redis/detail/arguments.hpp>
#include <weir/redis/detail/link.hpp>

namespace weir::redis::detail {

namespace {

const std::string ping = "*1\r\n$4\r\nPING\r\n";

/// The next reply of a connection. Silence is answered by a PING, and further silence is an error.
class [[nodiscard]] next_reply {
public:
    using result_type = value;

    next_reply(link& l, duration patience) noexcept : link_{&l}, patience_{patience} {}

    poll<value> poll_result(context& cx) {
        if (!started_) set_deadline(cx);
        started_ = true;
        for (;;) {
            const bool written = link_->poll_write(cx);
            if (value v; link_->next(v)) return v;
            if (link_->poll_read(cx)) {
                pinged_ = false;
                set_deadline(cx);
                if (!cx.spend()) return cx.yield();
            } else if (!silence_.poll(cx)) {
                return pending;
            } else if (pinged_) {
                throw timed_out{"weir::redis: " + link_->name() + " has sent nothing", patience_};
            } else {
                pinged_ = true;
                set_deadline(cx);
                if (written) link_->start_write(ping);
            }
        }
    }

private:
    void set_deadline(const context& cx) noexcept { silence_.set(cx.executor().time_after(patience_)); }

    link* link_;
    duration patience_;
    bool started_ = false;
    bool pinged_ = false;
    weir::detail::resettable_deadline silence_;
};

/// What a subscriber has read.
enum class meaning { confirmation, message, other };

/// Moves a message into m.
/// @throws error
meaning understand(value& v, message& m) {
    if (v.is_error()) throw error{"SUBSCRIBE", v.text()};
    std::vector<value>& words = v.items();
    const std::string_view what = words.empty() ? std::string_view{} : words.front().text();
    if (what == "message" && words.size() == 3) {
        m.channel = std::move(words[1]).text();
        m.payload = std::move(words[2]).text();
        return meaning::message;
    }
    if (what == "pmessage" && words.size() == 4) {
        m.pattern = std::move(words[1]).text();
        m.channel = std::move(words[2]).text();
        m.payload = std::move(words[3]).text();
        return meaning::message;
    }
    return what == "subscribe" || what == "psubscribe" ? meaning::confirmation : meaning::other;
}

std::string commands_of(const subscription& to) {
    std::string all;
    if (!to.channels.empty()) append_command(all, "SUBSCRIBE", to.channels);
    if (!to.patterns.empty()) append_command(all, "PSUBSCRIBE", to.patterns);
    return all;
}

/// Reads until all subscriptions are confirmed. Returns the messages that have arrived before.
task<std::vector<message>> confirm(link& l, std::size_t subscriptions, duration patience) {
    std::vector<message> early;
    while (subscriptions != 0) {
        next_reply next{l, patience};
        value v = co_await std::move(next);
        message m;
        const meaning what = understand(v, m);
        if (what == meaning::confirmation) --subscriptions;
        if (what == meaning::message) early.push_back(std::move(m));
    }
    co_return early;
}

async_stream<message> messages(options o, connector connect, subscription to) {
    const std::string commands = commands_of(to);
    weir::detail::backoff reconnect{o.reconnect};
    std::exception_ptr failure;
    for (bool resumed = false;; resumed = true) {
        std::unique_ptr<link> connection;
        std::vector<message> early;
        while (connection == nullptr) {
            bool refused = false;
            try {
                auto opening = open_link(o, connect);
                connection = co_await std::move(opening);
                connection->start_write(commands);
                auto confirming = confirm(*connection, to.channels.size() + to.patterns.size(), o.reply_timeout);
                early = co_await std::move(confirming);
                reconnect.succeeded();
                break;
            } catch (const error&) {
                refused = true;
                failure = std::current_exception();
            } catch (...) {
                failure = std::current_exception();
            }
            connection.reset();
            if (refused) std::rethrow_exception(failure);
            if (!reconnect.again(failure)) throw not_connected{"SUBSCRIBE", failure};
            co_await sleep_for(reconnect.wait(*executor::current()));
        }
        if (resumed) {
            message gap;
            gap.kind = message_kind::resumed;
            co_yield std::move(gap);
        }
        for (message& m : early) co_yield std::move(m);
        for (;;) {
            message m;
            meaning what = meaning::other;
            try {
                next_reply next{*connection, o.reply_timeout};
                value v = co_await std::move(next);
                what = understand(v, m);
            } catch (...) {
                failure = std::current_exception();
                break;
            }
            if (what == meaning::message) co_yield std::move(m);
        }
        connection.reset();
        // The wait keeps a server that closes each connection from being asked without a pause.
        co_await sleep_for(reconnect.wait(*executor::current()));
    }
}

} // namespace

async_stream<message> subscribe_by(options o, connector connect, subscription to) {
    if (to.channels.empty() && to.patterns.empty()) {
        throw std::invalid_argument{"weir::redis: subscribe: there are no channels and no patterns"};
    }
    return messages(std::move(o), std::move(connect), std::move(to));
}

} // namespace weir::redis::detail
