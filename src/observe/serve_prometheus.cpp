// SPDX-License-Identifier: MIT
#include <weir/observe/serve_prometheus.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/observe/prometheus.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>

namespace weir {

namespace {

constexpr std::size_t largest_head = 8192;

std::string answer(std::string_view status, std::string_view body, std::string_view type = "text/plain",
                   std::string_view headers = "") {
    std::string text{"HTTP/1.1 "};
    text.append(status).append("\r\nContent-Type: ").append(type);
    text.append("; charset=utf-8\r\nContent-Length: ").append(std::to_string(body.size()));
    text.append("\r\nConnection: close\r\n").append(headers).append("\r\n").append(body);
    return text;
}

/// The part of a text before a character, which is taken off together with it.
std::string_view take_before(std::string_view& text, char end) {
    const std::size_t size = text.find(end);
    const std::string_view part = text.substr(0, size);
    text.remove_prefix(size == std::string_view::npos ? text.size() : size + 1);
    return part;
}

/// @param head  of the request; its first line is complete
std::string answer_to(std::string_view head, executor& ex, const serve_prometheus_options& options) {
    std::string_view line = head.substr(0, head.find("\r\n"));
    const std::string_view method = take_before(line, ' ');
    std::string_view target = take_before(line, ' ');
    const std::string_view path = take_before(target, '?');
    if (line.substr(0, 7) != "HTTP/1." || path.empty()) return answer("400 Bad Request", "This is not HTTP/1.\n");
    if (method != "GET" && method != "HEAD") {
        return answer("405 Method Not Allowed", "Only GET and HEAD are known.\n", "text/plain", "Allow: GET, HEAD\r\n");
    }
    std::string reply;
    if (path != "/metrics") {
        reply = answer("404 Not Found", "The metrics are at /metrics.\n");
    } else {
        try {
            std::string text = prometheus_text(ex, options.executor_name);
            if (options.more) text += options.more();
            reply = answer("200 OK", text, "text/plain; version=0.0.4");
        } catch (...) { // also when there is no memory for the text
            reply = answer("500 Internal Server Error", "The metrics cannot be read.\n");
        }
    }
    if (method == "HEAD") reply.resize(reply.find("\r\n\r\n") + 4);
    return reply;
}

/// Returns the head of a request, or nothing when the connection ends before it or when it is too large.
template <class Connection>
task<std::string> read_head(Connection& connection) {
    std::string head;
    std::array<char, 2048> block{};
    while (head.find("\r\n\r\n") == std::string::npos) {
        const std::size_t size = co_await connection.read(block);
        if (size == 0 || head.size() + size > largest_head) co_return std::string{};
        head.append(block.data(), size);
    }
    co_return head;
}

template <class Listener>
task<> serve_on(Listener listener, serve_prometheus_options options) {
    executor& ex = *co_await this_executor();
    const auto handle = [&](typename Listener::connection_type connection) -> task<> {
        const std::string head = co_await read_head(connection);
        const std::string reply =
            head.empty() ? answer("400 Bad Request", "The head of the request is incomplete or too large.\n")
                         : answer_to(head, ex, options);
        co_await connection.write(reply);
        co_await connection.shutdown_write();
        // A close with unread data would reset the connection, and the client might lose the answer.
        std::array<char, 2048> rest{};
        while (co_await connection.read(rest) != 0) {}
    };
    serve_options limits{.max_connections = options.max_connections, .lifetime = options.lifetime};
    limits.on_error = [](std::exception_ptr) {}; // a failure of a connection is the client's
    co_await (accept(listener) | serve(handle, std::move(limits)));
}

} // namespace

task<> serve_prometheus(std::uint16_t port, serve_prometheus_options options) {
    const endpoint here{"127.0.0.1", port};
    tcp_listener listener = co_await listen(here);
    co_await serve_on(std::move(listener), std::move(options));
}

task<> serve_prometheus(tcp_listener listener, serve_prometheus_options options) {
    return serve_on(std::move(listener), std::move(options));
}

task<> serve_prometheus(unix_listener listener, serve_prometheus_options options) {
    return serve_on(std::move(listener), std::move(options));
}

} // namespace weir
