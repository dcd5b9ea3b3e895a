// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>
#include <weir/messages/record.hpp>

namespace weir::messages {

/// Base of the errors that name a message.
class message_error : public std::runtime_error {
public:
    const std::string& partition() const noexcept { return partition_; }
    const messages::position& position() const noexcept { return position_; }

protected:
    /// @param what  such as "has no answer"
    message_error(std::string_view partition, const messages::position& at, std::string_view what);

private:
    std::string partition_;
    messages::position position_;
};

/// A message has no answer for too long, so that nothing behind it can be committed:
///
///     weir::messages: orders-3: 17-0 has no answer for 300s
class stuck_message : public message_error {
public:
    stuck_message(std::string_view partition, const messages::position& at, duration age);
};

/// A message was rejected as often as consumer_options.redelivery allows, and there is no consumer_options.dead_letter.
class attempts_exhausted : public message_error {
public:
    attempts_exhausted(std::string_view partition, const messages::position& at, std::uint32_t attempts);
};

/// A message with the policy fail_on_drop was dropped without an answer.
class dropped_message : public message_error {
public:
    dropped_message(std::string_view partition, const messages::position& at);
};

} // namespace weir::messages
