// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/http/body.hpp>
#include <weir/http/message.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/io/bytes.hpp>
#include <weir/task.hpp>

namespace weir::http {

namespace detail {

class server_core;

/// The connection from which a request arrives.
class request_source {
public:
    request_source() noexcept = default;
    request_source(const request_source&) = delete;
    request_source& operator=(const request_source&) = delete;

    virtual poll<bytes> poll_body(context& cx) = 0;

protected:
    ~request_source() = default;
};

} // namespace detail

/// The stream of the parts of a request's body.
class [[nodiscard("add a sink and co_await it")]] request_body {
public:
    using value_type = bytes;

    explicit request_body(detail::request_source& from) noexcept : from_{&from} {}

    poll<bytes> poll_next(context& cx) { return from_->poll_body(cx); }

    void outline(stage_outline&) const noexcept {}

private:
    detail::request_source* from_;
};

/// A request that a server has received: its head, and the stream of its body.
///
///     weir::task<weir::http::response> store(weir::http::request& r) {
///         r.limit_body(1 << 30);
///         co_await (r.body() | weir::write("upload"));
///         co_return weir::http::response{201};
///     }
///
/// The body is read when it is asked for: until then the peer has to wait. A client that waits for `100 Continue` is
/// told to continue then. A body that the handler does not read is skipped, or the connection is closed if it is long.
///
/// Errors: of the body: bad_message; message_too_large; timed_out when the peer sends nothing for too long; those of
/// the connection. If the handler fails with one of them, the server answers with the status that fits.
/// Lifetime: until the response was sent. The body of the response may read that of the request.
class request : public request_head {
public:
    request(const request&) = delete;
    request& operator=(const request&) = delete;

    /// The parts of the body, as they arrive. It is one stream, however often this is called.
    request_body body() noexcept { return request_body{*source_}; }
    /// `co_await r.text()`: the whole body, or what is left of it.
    task<std::string> text();

    /// Sets the limit for the size of this request's body in place of server_options::max_body.
    void limit_body(std::uint64_t most) noexcept { most_body_ = most; }

    /// The headers behind a body that is sent in chunks, once the body has ended.
    const http::headers& trailers() const noexcept { return *trailers_; }
    /// The name of the connection, which is the peer's address.
    const std::string& peer() const noexcept { return *peer_; }

private:
    friend class detail::server_core;

    request(detail::request_source& source, const http::headers& trailers, const std::string& peer) noexcept
        : source_{&source}, trailers_{&trailers}, peer_{&peer} {}

    detail::request_source* source_;
    const http::headers* trailers_;
    const std::string* peer_;
    std::uint64_t most_body_ = 0;
};

/// The answer to a request: a head, and a body.
///
///     weir::http::response r{200, "{}", {{"Content-Type", "application/json"}}};
///     r.headers.add("Cache-Control", "no-store");
///
/// The server writes the version, which is its own, the headers Content-Length, Transfer-Encoding and Date, and
/// Connection if it is to be closed. A `Connection: close` of the response closes the connection after it. The body is
/// not sent for a HEAD request, nor with the status 204 or 304.
class response : public response_head {
public:
    response() = default;
    explicit response(unsigned status, http::body content = {}, http::headers fields = {}) : body(std::move(content)) {
        this->status = status;
        this->headers = std::move(fields);
    }

    http::body body;
    /// With the status 101: called with the connection when the response was sent. The task then speaks another
    /// protocol over it, and what it throws goes to server_options::on_error. The response names the protocol in the
    /// header Upgrade, and has `Connection: Upgrade`.
    std::function<task<>(upgraded_stream)> upgrade = nullptr;
};

} // namespace weir::http
