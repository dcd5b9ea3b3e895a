// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weir/tls/context.hpp>

namespace weir::tls::detail {

struct settings;

/// The protocol of one connection, without any I/O: it takes the bytes of the peer and returns bytes for the peer.
///
/// Errors: tls::error. After an error of the protocol there may be output: an alert for the peer.
class session {
public:
    /// @param host  the server's name or address
    /// @param name  the peer in error messages
    static session client(const context& c, std::string host, std::string name);
    static session server(const context& c, std::string name);

    session(session&&) noexcept;
    session& operator=(session&&) noexcept;
    ~session();

    /// Adds bytes that the peer has sent.
    /// @throws error when too much output waits, since a peer may ask for answers and not read them
    void receive(std::span<const char> data);
    /// To be called when the peer sends no more bytes.
    /// @throws truncated unless the peer has sent close_notify
    void end_of_input() const;
    /// Moves the bytes for the peer into a buffer. Returns false if there are none.
    bool take_output(std::string& to);

    /// Returns true when the handshake is complete, and false when it needs more bytes of the peer.
    bool handshake();
    /// Returns the number of bytes, 0 when the peer has sent close_notify, or nullopt when it needs more bytes.
    std::optional<std::size_t> read(std::span<char> to);
    /// Encrypts all of the data into the output.
    void write(std::span<const char> data);
    void close_notify();

    std::string protocol() const;
    std::string server_name() const;
    std::string version() const;
    std::string peer_certificate() const;
    bool resumed() const noexcept;

private:
    struct state;

    explicit session(std::unique_ptr<state> s) noexcept;
    static std::unique_ptr<state> make(std::shared_ptr<settings> with, std::string name);
    [[noreturn]] void fail(const char* attempted) const;

    std::unique_ptr<state> state_;
};

} // namespace weir::tls::detail
