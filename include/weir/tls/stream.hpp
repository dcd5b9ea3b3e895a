// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/tls/context.hpp>
#include <weir/tls/detail/session.hpp>
#include <weir/tls/error.hpp>

namespace weir::tls {

template <byte_stream S>
class stream;

namespace detail {

/// A session and the stream that carries it, with the transfers in flight. A transfer belongs to the connection, not to
/// the operation that started it: a record that was sent in part must be completed before anything else is sent.
template <byte_stream S>
class connection {
public:
    connection(S stream, session s) : inner(std::move(stream)), tls(std::move(s)) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    S inner;
    session tls;

    /// Returns true when all output has been sent.
    bool poll_send(weir::context& cx) {
        for (;;) {
            if (!sending_) {
                if (!tls.take_output(output_)) return true;
                sending_.emplace(inner.write(byte_view{output_}));
            }
            try {
                if (sending_->poll_result(cx).is_pending()) return false;
            } catch (...) {
                sending_.reset();
                broken_ = true; // a part of a record may be missing
                throw;
            }
            sending_.reset();
            output_.clear();
        }
    }

    /// Returns true when bytes have arrived.
    bool poll_receive(weir::context& cx) {
        if (!input_) input_ = std::make_unique_for_overwrite<char[]>(input_size);
        if (!receiving_) receiving_.emplace(inner.read(byte_span{std::span{input_.get(), input_size}}));
        try {
            const auto size = receiving_->poll_result(cx);
            if (size.is_pending()) return false;
            receiving_.reset();
            if (*size == 0) {
                tls.end_of_input();
            } else {
                tls.receive(std::span{input_.get(), *size});
            }
        } catch (...) {
            receiving_.reset();
            throw;
        }
        return true;
    }
    /// To be called when a read is dropped: the stream below keeps the bytes that it has not delivered.
    void stop_receiving() noexcept { receiving_.reset(); }

    /// The writer sends the pending output. If no write is running, the reader sends it.
    void start_writing() {
        if (broken_) throw error{"weir::tls: write to " + std::string{inner.name()} + ": an earlier write has failed"};
        writing_ = true;
    }
    void stop_writing() noexcept { writing_ = false; }
    /// To be called when a write is dropped: the reader sends the output that is left.
    void abandon_writing() noexcept {
        stop_writing();
        reader_.wake();
    }
    bool writing() const noexcept { return writing_; }
    void arm_reader(weir::context& cx) noexcept { reader_.arm(cx.waker()); }

private:
    static constexpr std::size_t input_size = 17 * 1024; // a record fits

    bool writing_ = false;
    bool broken_ = false;
    std::string output_;
    std::unique_ptr<char[]> input_;
    waker_slot reader_;
    std::optional<decltype(std::declval<S&>().write(std::declval<byte_view>()))> sending_;
    std::optional<decltype(std::declval<S&>().read(std::declval<byte_span>()))> receiving_;
};

/// Sends what a failed session has left for the peer, and then throws its error.
class pending_failure {
public:
    bool has_error() const noexcept { return error_ != nullptr; }
    void set(std::exception_ptr error) noexcept { error_ = std::move(error); }

    /// Returns false while the alert is being sent.
    template <byte_stream S>
    bool poll(weir::context& cx, connection<S>& c) {
        try {
            if (!c.writing() && !c.poll_send(cx)) return false; // a writer sends it otherwise
        } catch (...) {
            // The error of the session is thrown instead: it came first.
        }
        std::rethrow_exception(error_);
    }

private:
    std::exception_ptr error_;
};

template <byte_stream S>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] handshake_operation {
public:
    using result_type = stream<S>;

    explicit handshake_operation(std::unique_ptr<connection<S>> c) noexcept : connection_{std::move(c)} {}

    poll<stream<S>> poll_result(weir::context& cx) {
        for (;;) {
            if (failure_.has_error()) {
                if (!failure_.poll(cx, *connection_)) return pending;
            }
            bool complete = false;
            try {
                complete = connection_->tls.handshake();
            } catch (const error&) {
                failure_.set(std::current_exception());
                continue;
            }
            if (!connection_->poll_send(cx)) return pending;
            if (complete) return stream<S>{std::move(connection_)};
            if (!connection_->poll_receive(cx)) return pending;
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    std::unique_ptr<connection<S>> connection_;
    pending_failure failure_;
};

template <byte_stream S>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] read_operation {
public:
    using result_type = std::size_t;

    read_operation(connection<S>& c, byte_span to) noexcept
        : connection_{&c}, to_{static_cast<char*>(to.data()), to.size()} {}
    read_operation(read_operation&& other) noexcept : connection_{other.connection_}, to_{other.to_} {}
    ~read_operation() {
        if (started_) connection_->stop_receiving();
    }

    poll<std::size_t> poll_result(weir::context& cx) {
        connection<S>& c = *connection_;
        started_ = true;
        for (;;) {
            if (failure_.has_error()) {
                if (!failure_.poll(cx, c)) return pending;
            }
            try {
                if (const auto size = c.tls.read(to_)) {
                    started_ = false;
                    return *size;
                }
            } catch (const error&) {
                failure_.set(std::current_exception());
                continue;
            }
            // An alert that refuses a renegotiation, for example. The read does not wait until it is sent.
            if (!c.writing()) c.poll_send(cx);
            if (!c.poll_receive(cx)) {
                c.arm_reader(cx);
                return pending;
            }
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    connection<S>* connection_;
    std::span<char> to_;
    bool started_ = false;
    pending_failure failure_;
};

/// Writes data, or ends the stream with a close_notify.
template <byte_stream S, bool last>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] write_operation {
    using shutdown = decltype(std::declval<S&>().shutdown_write());

public:
    using result_type = unit;

    write_operation(connection<S>& c, byte_view what) noexcept
        : connection_{&c}, rest_{static_cast<const char*>(what.data()), what.size()} {}
    write_operation(write_operation&& other) noexcept : connection_{other.connection_}, rest_{other.rest_} {}
    ~write_operation() {
        if (started_) connection_->abandon_writing();
    }

    poll<unit> poll_result(weir::context& cx) {
        connection<S>& c = *connection_;
        if (!started_) {
            c.start_writing();
            started_ = true;
        }
        while (!shutdown_) {
            if (!c.poll_send(cx)) return pending;
            if (!rest_.empty()) {
                const auto part = rest_.first(std::min(rest_.size(), block));
                c.tls.write(part);
                rest_ = rest_.subspan(part.size());
                if (!cx.spend()) return cx.yield();
            } else if (!last) {
                return stop();
            } else if (!closed_) {
                c.tls.close_notify();
                closed_ = true;
            } else {
                shutdown_.emplace(c.inner.shutdown_write());
            }
        }
        try {
            if (shutdown_->poll_result(cx).is_pending()) return pending;
        } catch (const std::system_error& e) {
            if (e.code() != std::errc::not_connected) throw; // the peer has received the end, and has closed
        }
        return stop();
    }

private:
    static constexpr std::size_t block = 64 * 1024;

    unit stop() noexcept {
        started_ = false;
        connection_->stop_writing();
        return {};
    }

    connection<S>* connection_;
    std::span<const char> rest_;
    bool started_ = false;
    bool closed_ = false;
    std::optional<shutdown> shutdown_;
};

} // namespace detail

/// An encrypted byte stream over another one, which `tls::client` and `tls::server` return.
///
///     auto s = co_await weir::tls::client(co_await weir::tcp_connect("example.org", 443), "example.org");
///     co_await s.write("GET / HTTP/1.0\r\n\r\n");
///     co_await (weir::lines(std::move(s)) | weir::for_each(print));
///
/// Ends: a read returns 0 when the peer has sent close_notify.
/// Errors: those of the stream below; tls::truncated when it ends without a close_notify; tls::error for any
/// other violation of the protocol, after an alert has been sent to the peer.
/// Dropped: a dropped read loses no bytes. A dropped write may have sent any part of its data; the next operation sends
/// the data that it had encrypted. The destructor sends no close_notify: `co_await s.shutdown_write()` does.
/// Lifetime: it must outlive its operations. It may be moved between them.
/// Cost: a buffer of 17 KiB for bytes that arrive, and two of the size of the largest write, up to 64 KiB each, in
/// addition to OpenSSL's own. A write of up to 64 KiB is one write of the stream below.
/// See: limited_stream, with_timeout.
template <byte_stream S>
class stream {
public:
    explicit stream(std::unique_ptr<detail::connection<S>> c) noexcept : connection_{std::move(c)} {}

    auto read(byte_span to) noexcept { return detail::read_operation<S>{*connection_, to}; }
    auto write(byte_view what) noexcept { return detail::write_operation<S, false>{*connection_, what}; }
    /// `co_await s.shutdown_write()`: sends close_notify, and shuts the stream below down for writing. Reads continue.
    auto shutdown_write() noexcept {
        return detail::write_operation<S, true>{*connection_, byte_view{std::string_view{}}};
    }
    std::string name() const { return connection_->inner.name(); }

    /// The protocol that ALPN chose, or "".
    std::string protocol() const { return connection_->tls.protocol(); }
    /// The host that the client asked for, or "".
    std::string server_name() const { return connection_->tls.server_name(); }
    /// `TLSv1.2` or `TLSv1.3`.
    std::string version() const { return connection_->tls.version(); }
    /// The verified certificate of the peer as PEM text, or "".
    std::string peer_certificate() const { return connection_->tls.peer_certificate(); }
    /// Whether the handshake resumed an earlier session.
    bool resumed() const noexcept { return connection_->tls.resumed(); }

    /// The stream below.
    S& inner() noexcept { return connection_->inner; }

private:
    std::unique_ptr<detail::connection<S>> connection_;
};

/// `co_await tls::client(stream, host)`: the handshake of a client, over a connection, a pipe or any other stream.
///
/// The server's certificate must be for the host, which is a name or an address. Sessions are kept in the context and
/// resumed by host.
///
/// Errors: tls::certificate_error when the server's certificate is refused; tls::error; those of the stream, and
/// tls::truncated when it ends.
/// Dropped: destroys the stream.
/// See: server, with_timeout, which limits its time.
///
/// @throws std::invalid_argument for a host that is empty or has a NUL character
template <byte_stream S>
auto client(S inner, std::string host, const context& c = context::of_system()) {
    std::string name = inner.name();
    auto session = detail::session::client(c, std::move(host), std::move(name));
    return detail::handshake_operation<S>{
        std::make_unique<detail::connection<S>>(std::move(inner), std::move(session))};
}

/// `co_await tls::server(stream, context)`: the handshake of a server.
///
///     const weir::tls::context ours{{.certificates = chain, .key = key}};
///     weir::concurrency_limit handshakes{100};
///     const auto handler = [&](weir::tcp_stream client) -> weir::task<> {
///         auto shaken = weir::tls::server(std::move(client), ours);
///         auto s = co_await handshakes.run(weir::with_timeout(10s, std::move(shaken)));
///         ...
///     };
///
/// A handshake costs the server more than the client: limit the number that run at a time, and their time.
///
/// Errors: tls::certificate_error when the client's certificate is refused or missing; otherwise those of tls::client.
/// Dropped: destroys the stream.
/// See: client, concurrency_limit, with_timeout.
template <byte_stream S>
auto server(S inner, const context& c) {
    std::string name = inner.name();
    auto session = detail::session::server(c, std::move(name));
    return detail::handshake_operation<S>{
        std::make_unique<detail::connection<S>>(std::move(inner), std::move(session))};
}

} // namespace weir::tls
