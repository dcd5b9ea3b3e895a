// SPDX-License-Identifier: MIT
#include <weir/websocket/connection.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "core.hpp"
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/next.hpp>

namespace weir::websocket {

namespace {

template <auto poll_function>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] core_operation {
public:
    using result_type = unit;

    explicit core_operation(detail::connection_core& core) noexcept : core_{&core} {}

    poll<unit> poll_result(context& cx) { return (core_->*poll_function)(cx); }

private:
    detail::connection_core* core_;
};

using room_operation = core_operation<&detail::connection_core::poll_room>;
using flush_operation = core_operation<&detail::connection_core::poll_flush>;

constexpr std::size_t longest_reason = 123;

void check_reason(close_code code, const std::string& text) {
    if (code == close_code::no_code && text.empty()) return;
    if (!detail::may_be_sent(code)) throw std::invalid_argument{"weir::websocket: a close code that must not be sent"};
    if (text.size() > longest_reason)
        throw std::invalid_argument{"weir::websocket: the text of a close frame has more than 123 bytes"};
    if (!detail::is_utf8(text)) throw std::invalid_argument{"weir::websocket: the text of a close frame is not UTF-8"};
}

task<> send_message(detail::connection_core& core, message m) {
    if (m.type == message_type::text && !detail::is_utf8(m.data))
        throw std::invalid_argument{"weir::websocket: a text that is not UTF-8 is sent as binary"};
    auto acquiring = core.senders().acquire();
    const semaphore::permit turn = co_await std::move(acquiring);
    room_operation waiting{core};
    co_await waiting;
    core.put(std::move(m));
}

task<> flush_output(detail::connection_core& core) {
    auto acquiring = core.senders().acquire();
    const semaphore::permit turn = co_await std::move(acquiring);
    flush_operation flushing{core};
    co_await flushing;
}

task<> send_close(detail::connection_core& core, close_reason reason) {
    executor& ex = *co_await this_executor();
    core.start_close(ex, std::move(reason));
    auto flushing = flush_output(core);
    co_await std::move(flushing);
}

task<> close_and_read(connection& c, task<> closing) {
    co_await std::move(closing);
    // g++ 12 takes the result of an await in the condition of an empty loop to be impossible.
    for (;;) {
        const std::optional<message> dropped = co_await next(c);
        if (!dropped) break;
    }
}

} // namespace

connection::connection(http::upgraded_stream stream, role which, const options& limits)
    : core_{std::make_unique<detail::connection_core>(std::move(stream), which, limits)} {}
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;
connection::~connection() = default;

poll<message> connection::poll_next(context& cx) { return core_->poll_next(cx); }

void connection::outline(stage_outline& out) const {
    if (core_ != nullptr) out.holds({.bytes = core_->limits().max_message});
}

task<> connection::send(message m) { return send_message(*core_, std::move(m)); }

task<> connection::flush() { return flush_output(*core_); }

task<> connection::start_close(close_code code, std::string text) {
    check_reason(code, text);
    return send_close(*core_, {code, std::move(text)});
}

task<> connection::close(close_code code, std::string text) {
    return close_and_read(*this, start_close(code, std::move(text)));
}

const std::optional<close_reason>& connection::peer_reason() const noexcept { return core_->peer_reason(); }
bool connection::is_closing() const noexcept { return core_->is_closing(); }
const std::string& connection::name() const noexcept { return core_->name(); }

} // namespace weir::websocket
