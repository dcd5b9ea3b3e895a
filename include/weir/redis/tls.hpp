// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <weir/io/resolve.hpp>
#include <weir/redis/options.hpp>
#include <weir/task.hpp>
#include <weir/tls/stream.hpp>

namespace weir::redis {

namespace detail {

inline task<tls::stream<tcp_stream>> connect_by_tls(std::string host, std::uint16_t port, tls::context trust) {
    auto plain = co_await tcp_connect(host, port);
    auto shaken = tls::client(std::move(plain), std::move(host), trust);
    co_return co_await std::move(shaken);
}

} // namespace detail

/// over_tls(options, context): how a client connects to a server by TLS. The program links weir-tls, too.
///
///     const auto at = weir::redis::options::from_url("rediss://:secret@cache.example.org");
///     weir::redis::client client{at, weir::redis::over_tls(at)};
///
/// Errors: those of tcp_connect and tls::client, as causes of not_connected.
/// See: client, tls::client.
inline auto over_tls(const options& o, tls::context trust = tls::context::of_system()) {
    return
        [host = o.host, port = o.port, trust = std::move(trust)] { return detail::connect_by_tls(host, port, trust); };
}

} // namespace weir::redis
