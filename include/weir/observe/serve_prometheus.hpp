// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <weir/core/time.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/unix.hpp>
#include <weir/task.hpp>

namespace weir {

struct serve_prometheus_options {
    std::string executor_name = "main"; ///< the label `executor` of each sample
    /// Returns further metrics in the same format, such as the program's own; appended to each answer. What it throws
    /// is answered with the status 500.
    std::function<std::string()> more = nullptr;
    std::size_t max_connections = 16;             ///< at a time, > 0
    duration lifetime = std::chrono::seconds{10}; ///< of a connection, > 0
};

/// `ex.spawn(serve_prometheus(9464)).detach()`: answers `GET /metrics` over HTTP with the `prometheus_text` of its
/// executor, for a Prometheus server on the same machine. It does not end.
///
///     curl http://127.0.0.1:9464/metrics
///
/// With a port, it listens on 127.0.0.1 alone: there is neither encryption nor a check of who asks. With a listener, it
/// listens where the listener does, such as a Unix socket or an address that other machines reach:
///
///     auto listener = co_await weir::unix_listen("/run/app/metrics.sock");
///     co_await weir::serve_prometheus(std::move(listener));
///
/// Each connection has one request, with a head of at most 8 KiB. Other paths are answered with 404.
///
/// Errors: those of listening and accepting. Failures of connections are ignored.
/// Dropped: closes the listener and all connections.
/// See: prometheus_text, serve, meter.
task<> serve_prometheus(std::uint16_t port, serve_prometheus_options options = {});
task<> serve_prometheus(tcp_listener listener, serve_prometheus_options options = {});
task<> serve_prometheus(unix_listener listener, serve_prometheus_options options = {});

} // namespace weir
