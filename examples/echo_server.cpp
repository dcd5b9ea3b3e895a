// SPDX-License-Identifier: MIT
// A TCP server that sends back what it receives. A client that does not read receives no more data, because each client
// has one block of memory.
//
//     echo_server --port P [--backend uring|epoll]
//
// Port 0 lets the kernel choose a port; the server prints it. SIGINT and SIGTERM end the server.

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <span>
#include <string_view>
#include <system_error>

#include <weir/weir.hpp>

namespace {

constexpr int most_clients = 10000;

/// Reads only after all previous data was written.
weir::task<> echo(weir::tcp_stream client) {
    std::array<char, 16 * 1024> block;
    try {
        while (const std::size_t size = co_await client.read(block)) {
            co_await client.write(std::span(block).first(size));
        }
    } catch (const std::system_error&) {
        // The client has disconnected.
    }
}

weir::task<> serve(std::uint16_t port) {
    weir::executor& ex = *co_await weir::this_executor();
    const weir::endpoint here{"127.0.0.1", port};
    auto listener = co_await weir::listen(here);
    auto clients = weir::accept(listener) | weir::map_async_unordered(most_clients, echo);
    auto server = ex.spawn(std::move(clients) | weir::take_until(weir::signals(SIGINT, SIGTERM)) | weir::drain());

    co_await weir::yield(); // the server has started: it accepts connections and catches signals
    std::cout << "listening on " << listener.local_endpoint().to_string() << std::endl;
    if (!std::cout) throw std::system_error{errno, std::generic_category(), "write standard output"};
    co_await server;
}

int usage() {
    std::cerr << "usage: echo_server --port P [--backend uring|epoll]\n";
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    int port = -1;
    auto backend = weir::backend_kind::automatic;
    if (argc % 2 == 0) return usage();
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        const std::string_view value = argv[i + 1];
        if (name == "--port") {
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), port);
            if (error != std::errc{} || end != value.data() + value.size() || port > 65535) return usage();
        } else if (name == "--backend" && (value == "uring" || value == "epoll")) {
            backend = value == "uring" ? weir::backend_kind::uring : weir::backend_kind::epoll;
        } else {
            return usage();
        }
    }
    if (port < 0) return usage();
    try {
        weir::run(serve(static_cast<std::uint16_t>(port)), backend);
    } catch (const std::exception& e) {
        std::cerr << "echo_server: " << e.what() << '\n';
        return 1;
    }
}
