// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/time.hpp>
#include <weir/http/event.hpp>

namespace weir::http::detail {

/// The parser of an event stream, as the WHATWG's HTML standard defines it, without any I/O.
///
///     event_parser p{"10.0.0.1:80", {}, last_id};
///     while (p.next(input)) handle(p.take());   // takes bytes off the front of input
///
/// The result does not depend on how the input is split. An event that has no empty line behind it is not found.
///
/// Errors: message_too_large.
/// Cost: lines that lie in one part of the input are not copied.
class event_parser {
public:
    /// @param name  the peer in error messages
    /// @param last_id  the ID of the last event of the connection before
    event_parser(std::string name, const event_limits& limits, std::optional<std::string> last_id = std::nullopt)
        : name_{std::move(name)}, limits_{limits}, next_id_{last_id}, last_id_{std::move(last_id)} {}

    /// Parses up to the end of the next event. Returns false when the input is used up.
    bool next(std::span<const char>& input);
    /// The event that was found.
    event take();

    /// The ID of the last event, with or without data, if the peer has sent one.
    const std::optional<std::string>& last_id() const noexcept { return last_id_; }
    /// The time that the peer wants to pass before a reconnect, if it has sent one.
    std::optional<duration> retry_after() const noexcept { return retry_after_; }

private:
    /// Returns true when the line ends an event with data.
    bool on_line(std::string_view line);
    void on_field(std::string_view name, std::string_view value);
    void check_line(std::size_t size) const;
    void check_event() const;

    std::string name_;
    event_limits limits_;
    std::string line_; // what has arrived of a line that spans several parts of the input
    bool first_ = true;
    bool after_cr_ = false; // a LF belongs to the end of the line before
    bool has_data_ = false;
    event event_;
    std::optional<std::string> next_id_; // of the event that arrives
    std::optional<std::string> last_id_;
    std::optional<duration> retry_after_;
};

} // namespace weir::http::detail
