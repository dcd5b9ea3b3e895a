// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/operation.hpp>
#include <weir/core/time.hpp>
#include <weir/http/body.hpp>
#include <weir/http/client_message.hpp>
#include <weir/http/detail/client_connection.hpp>
#include <weir/http/detail/client_core.hpp>
#include <weir/http/message.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/http/url.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/resolve.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

namespace weir::http {

namespace detail {
class client_pool;
} // namespace detail

class connection;

/// The response to a request that changes the protocol: its head, and the connection.
struct upgraded_response {
    response_head head;
    upgraded_stream stream;
};

/// `co_await http::upgrade(connection, request)`: sends a request with the header Upgrade, and returns the connection
/// when the server has answered it with `101 Switching Protocols`.
///
///     auto connecting = connect(to); // with a connector
///     weir::http::connection c = co_await std::move(connecting);
///     weir::http::client_request r{"GET", to, {}, {{"Connection", "Upgrade"}, {"Upgrade", "example"}}};
///     auto upgrading = weir::http::upgrade(std::move(c), std::move(r));
///     auto [head, stream] = co_await std::move(upgrading);
///
/// Errors: upgrade_refused for another status; those of exchange.
/// Dropped: closes the connection.
/// See: response::upgrade, for the server.
task<upgraded_response> upgrade(connection c, client_request request, exchange_options options = {});

/// A connection that a connector has opened: any byte stream.
class connection {
public:
    template <byte_stream S>
    explicit connection(S stream) : core_{std::make_unique<detail::client_connection<S>>(std::move(stream))} {}

private:
    friend class detail::client_pool;
    friend task<upgraded_response> upgrade(connection c, client_request request, exchange_options options);

    std::unique_ptr<detail::client_core> core_;
};

/// Opens a connection to the host and the port of a URL.
///
///     weir::task<weir::http::connection> to_docker(weir::http::url) {
///         auto stream = co_await weir::unix_connect("/var/run/docker.sock");
///         co_return weir::http::connection{std::move(stream)};
///     }
using connector = std::function<task<connection>(url)>;

/// A connector for `http`, by TCP. It fails with std::invalid_argument for `https`, for which there is by_tls.
connector by_tcp(connect_options options = {});

/// A connector for `http` by TCP, and for `https` by TCP and TLS. The function makes the handshake of TLS: it takes the
/// connection and the name of the host, and returns an operation with a byte stream. So this library needs no OpenSSL.
///
///     options.connector = weir::http::by_tls([](weir::tcp_stream s, std::string host) {
///         return weir::tls::client(std::move(s), std::move(host));
///     });
///
/// The handshake counts as a part of client_options::connect_timeout.
template <class Handshake>
connector by_tls(Handshake handshake, connect_options options = {}) {
    constexpr bool shakes = requires(Handshake& f, tcp_stream s, std::string host) {
        { f(std::move(s), std::move(host)) } -> operation;
        requires byte_stream<typename std::invoke_result_t<Handshake&, tcp_stream, std::string>::result_type>;
    };
    static_assert(shakes, "weir::http::by_tls(f): f cannot be called with a tcp_stream and a std::string, or does not "
                          "return a task or another operation with a byte stream");
    if constexpr (shakes) {
        return [handshake = std::move(handshake), options](url to) mutable -> task<connection> {
            auto connecting = tcp_connect(std::string{to.host()}, to.port(), options);
            tcp_stream plain = co_await std::move(connecting);
            if (!to.is_https()) co_return connection{std::move(plain)};
            auto shaking = handshake(std::move(plain), std::string{to.host()});
            auto encrypted = co_await std::move(shaking);
            co_return connection{std::move(encrypted)};
        };
    } else {
        std::abort(); // it does not compile
    }
}

/// Whether a client asks for compressed responses, and decodes them.
enum class compression : std::uint8_t { refused, accepted };

struct client_options {
    std::size_t connections_per_origin = 8;           ///< at the same time, for one scheme, host and port
    std::size_t connections = 100;                    ///< at the same time, with those that are kept for later requests
    std::size_t waiting = 1000;                       ///< the requests that may wait for a connection; more fail
    duration idle_timeout = std::chrono::seconds{30}; ///< how long a connection is kept without a request; 0: not
    duration connect_timeout = std::chrono::seconds{10};
    duration total_timeout = duration::max(); ///< from the call to the end of the response's body, with redirects
    std::size_t redirects = 10;               ///< that are followed; 0: redirects are returned as responses
    exchange_options exchange = {};
    http::headers headers = {}; ///< for each request that does not have them, such as User-Agent
    /// Whether responses may come in gzip or deflate; they are decoded. `accepted` needs a library with zlib.
    http::compression compression = http::compression::refused;
    std::uint64_t max_decoded = std::uint64_t{256} << 20; ///< the bytes of a body that was compressed
    http::connector connector = by_tcp();
};

/// A client that keeps connections for later requests.
///
///     weir::http::client client;
///     auto r = co_await client.get("http://example.org/a");
///     co_await (r.body() | weir::lines() | weir::for_each(print));
///
/// A connection is used again when its response has been read to the end and nothing speaks against it. One that the
/// server closes meanwhile is dropped at once. If it closes just when a request is sent, the request is sent once more
/// over a new connection, provided that no byte of a response has arrived, the method is idempotent (GET, HEAD,
/// OPTIONS, TRACE, PUT or DELETE) and the body is not a stream.
///
/// Requests wait for a connection in order of arrival. A response holds its connection until its body was read to the
/// end, or the response is dropped.
///
/// Redirects are followed (301, 302, 303, 307, 308). 303, and 301 and 302 after a POST, turn the request into a GET
/// without a body. A server may redirect to the same URL, as after it has set a cookie; a loop ends at the limit of
/// client_options::redirects. The headers Authorization, Cookie and Proxy-Authorization are not sent to another origin.
///
/// Errors: those of exchange and of the connector; redirect_error; limit_exceeded when too many requests wait;
/// request_timed_out, whose `phase()` says what took too long.
/// Dropped: dropping a request, or a response whose body was not read, closes the connection. The client may be
/// destroyed before its responses.
/// Lifetime: the client, its requests and its responses belong to one executor. Requests and responses must be
/// destroyed before it. The client may outlive it, and then be used on another one: its connections are closed with the
/// executor.
/// Cost: some allocations per request. 4 KiB for a connection that is kept.
/// See: exchange, for one request over a stream of one's own.
class client {
public:
    /// @throws std::invalid_argument for options that are out of range
    explicit client(client_options options = {});
    /// A copy shares the connections.
    client(const client&) noexcept;
    client(client&&) noexcept;
    client& operator=(const client&) noexcept;
    client& operator=(client&&) noexcept;
    ~client();

    /// `co_await c.send(request)`: returns the response when its head has arrived.
    task<client_response> send(client_request request) const;

    /// `co_await c.get(url)`
    /// @throws std::invalid_argument for a text that is not a URL
    task<client_response> get(url from) const { return send(client_request{"GET", std::move(from)}); }
    task<client_response> get(std::string_view from) const { return get(url{from}); }

    /// The number of connections that are kept for later requests.
    std::size_t idle() const noexcept;
    /// Closes the connections that are kept.
    void close_idle() const noexcept;

private:
    std::shared_ptr<detail::client_pool> pool_;
};

} // namespace weir::http
