// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/time.hpp>
#include <weir/http/body.hpp>
#include <weir/http/message.hpp>
#include <weir/http/url.hpp>
#include <weir/io/bytes.hpp>
#include <weir/task.hpp>

namespace weir::http {

/// Whether a request asks with `Expect: 100-continue` for permission to send its body. The body is sent when the server
/// agrees, or has not answered within exchange_options::continue_timeout. It is not sent when the server answers the
/// request before.
enum class expect_continue : std::uint8_t { no, yes };

/// A request that is to be sent.
///
///     weir::http::client_request r{"POST", weir::http::url{"http://example.org/a"}, "{}"};
///     r.headers.add("Content-Type", "application/json");
///
/// The headers Host, Content-Length and Transfer-Encoding are written by the library. A Host of one's own replaces that
/// of the URL. `Connection: close` closes the connection after the response.
class client_request {
public:
    client_request(std::string verb, http::url to, http::body content = {}, http::headers fields = {})
        : method{std::move(verb)}, url{std::move(to)}, headers{std::move(fields)}, body(std::move(content)) {}

    std::string method;
    http::url url;
    http::headers headers;
    http::body body;
    expect_continue expect = expect_continue::no;
    /// In place of exchange_options::body_timeout.
    std::optional<duration> body_timeout = std::nullopt;
};

/// Limits of one request and its response.
struct exchange_options {
    head_limits limits = {};
    std::uint64_t max_body = std::numeric_limits<std::uint64_t>::max(); ///< the bytes of the response's body
    duration write_timeout = std::chrono::seconds{30}; ///< in which the peer takes 64 KiB of the request
    duration head_timeout = std::chrono::seconds{30};  ///< from the end of the request to that of the response's head
    /// Between parts of the response that the program waits for. A wait that was dropped counts until the next part.
    duration body_timeout = std::chrono::seconds{30};
    duration continue_timeout = std::chrono::seconds{1}; ///< see expect_continue
    /// Called with each interim response (1xx), such as `103 Early Hints`.
    std::function<void(const response_head&)> on_interim = nullptr;
};

namespace detail {

/// What a response reads its body from.
class response_source {
public:
    response_source() noexcept = default;
    response_source(const response_source&) = delete;
    response_source& operator=(const response_source&) = delete;
    virtual ~response_source() = default;

    /// The next part. After the end it is `done` again.
    virtual poll<bytes> poll_body(context& cx) = 0;
    virtual const headers& trailers() const noexcept = 0;
    /// The peer, for errors.
    virtual const std::string& name() const noexcept = 0;
};

} // namespace detail

/// The stream of the parts of a response's body.
class [[nodiscard("add a sink and co_await it")]] response_body {
public:
    using value_type = bytes;

    explicit response_body(detail::response_source& from) noexcept : from_{&from} {}
    explicit response_body(std::unique_ptr<detail::response_source> from) noexcept
        : owned_{std::move(from)}, from_{owned_.get()} {}

    poll<bytes> poll_next(context& cx) { return from_->poll_body(cx); }

    void outline(stage_outline&) const noexcept {}

private:
    std::unique_ptr<detail::response_source> owned_; // null: the response owns it
    detail::response_source* from_;
};

/// A response that has arrived: its head, and the stream of its body.
///
///     auto r = co_await client.get("http://example.org/a");
///     if (r.status == 200) co_await (r.body() | weir::write("a"));
///
/// The body is read when it is asked for: until then the peer has to wait.
///
/// Errors: of the body: bad_message with fault::truncated when the connection ends too early, and for other violations
/// of the protocol; message_too_large; request_timed_out; those of the connection.
/// Dropped: closes the connection, unless the body was read to its end.
class client_response : public response_head {
public:
    client_response(response_head head, http::url from, std::unique_ptr<detail::response_source> source) noexcept
        : response_head(std::move(head)), url_{std::move(from)}, source_{std::move(source)} {}

    /// The parts of the body, as they arrive. It is one stream, however often this is called, and refers to the
    /// response.
    response_body body() & noexcept { return response_body{*source_}; }
    /// The same, independent of the response.
    response_body body() && noexcept { return response_body{std::move(source_)}; }

    /// `co_await r.text(most)`: the whole body, or what is left of it.
    /// @throws message_too_large for a body of more than `most` bytes
    task<std::string> text(std::size_t most = std::size_t{16} << 20) &;
    task<std::string> text(std::size_t most = std::size_t{16} << 20) &&;

    /// The headers behind a body that is sent in chunks, once the body has ended.
    const http::headers& trailers() const noexcept { return source_->trailers(); }
    /// The URL of the request, after redirects.
    const http::url& url() const noexcept { return url_; }

private:
    friend client_response decompressed(client_response r, std::uint64_t most);

    http::url url_;
    std::unique_ptr<detail::response_source> source_;
};

} // namespace weir::http
