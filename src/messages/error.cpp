// SPDX-License-Identifier: MIT
#include <weir/messages/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/messages/record.hpp>

namespace weir::messages {

namespace {

std::string message_text(std::string_view partition, const position& at, std::string_view what) {
    std::string text{"weir::messages: "};
    text.append(partition).append(": ").append(to_string(at)).append(" ").append(what);
    return text;
}

} // namespace

message_error::message_error(std::string_view partition, const messages::position& at, std::string_view what)
    : std::runtime_error{message_text(partition, at, what)}, partition_{partition}, position_{at} {}

stuck_message::stuck_message(std::string_view partition, const messages::position& at, duration age)
    : message_error{partition, at, "has no answer for " + weir::detail::to_text(age)} {}

attempts_exhausted::attempts_exhausted(std::string_view partition, const messages::position& at, std::uint32_t attempts)
    : message_error{partition, at, std::string{"was rejected, at attempt "}.append(std::to_string(attempts))} {}

dropped_message::dropped_message(std::string_view partition, const messages::position& at)
    : message_error{partition, at, "was dropped without an answer"} {}

} // namespace weir::messages
