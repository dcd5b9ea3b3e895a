// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace weir::redis {

/// An error that the server has answered: `weir::redis: INCR: WRONGTYPE Operation against a key holding ...`.
///
///     catch (const weir::redis::error& e) {
///         if (e.code() != "WRONGTYPE") throw;
///     }
///
/// The code is the first word of the answer: WRONGTYPE, NOAUTH, WRONGPASS, NOPERM, MOVED, ASK, LOADING, READONLY, OOM,
/// BUSYGROUP, BUSY, EXECABORT, NOSCRIPT, MASTERDOWN, ERR for the rest, and others that a module defines.
class error : public std::runtime_error {
public:
    /// @param command  such as INCR; or "" when it is not known
    /// @param text     as the server sent it, without the minus sign
    error(std::string_view command, std::string text)
        : std::runtime_error{message(command, text)}, command_{command}, text_{std::move(text)} {}

    std::string_view code() const noexcept { return std::string_view{text_}.substr(0, text_.find(' ')); }
    /// The whole text of the server, with the code.
    const std::string& text() const noexcept { return text_; }
    const std::string& command() const noexcept { return command_; }

private:
    static std::string message(std::string_view command, std::string_view text) {
        std::string all{"weir::redis: "};
        if (!command.empty()) all.append(command).append(": ");
        return all.append(text);
    }

    std::string command_;
    std::string text_;
};

/// Thrown when a reply cannot be converted to the requested type: `weir::redis: INCR: the reply is a nil, not an
/// integer`.
class type_error : public std::runtime_error {
public:
    explicit type_error(const std::string& what) : std::runtime_error{what} {}
};

/// Thrown when the server has sent something that is no RESP2, or a reply that nobody waits for. The connection is
/// closed.
class protocol_error : public std::runtime_error {
public:
    explicit protocol_error(const std::string& what) : std::runtime_error{what} {}
};

/// Base of the errors of commands whose connection has failed.
class connection_error : public std::runtime_error {
public:
    const std::string& command() const noexcept { return command_; }
    /// Why the connection was lost or not made.
    const std::exception_ptr& cause() const noexcept { return cause_; }

protected:
    connection_error(const std::string& what, std::string_view command, std::exception_ptr cause)
        : std::runtime_error{what}, command_{command}, cause_{std::move(cause)} {}

private:
    std::string command_;
    std::exception_ptr cause_;
};

/// The command was sent and its reply has not arrived: the server may or may not have executed it.
///
///     weir::redis: INCR: connection lost before the reply: read 127.0.0.1:6379: Connection reset by peer
class connection_lost : public connection_error {
public:
    connection_lost(std::string_view command, std::exception_ptr cause);
};

/// The command was not sent, because no connection could be made: the server has not executed it.
///
///     weir::redis: INCR: not sent: connect to 127.0.0.1:6379: Connection refused
class not_connected : public connection_error {
public:
    not_connected(std::string_view command, std::exception_ptr cause);
};

} // namespace weir::redis
