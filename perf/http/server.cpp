// SPDX-License-Identifier: MIT
/// A server for perf/http.py, which answers each request with 1 KiB. Prints its port, and ends with its standard input.
///
///     http_server floor|weir
///
/// floor: an epoll loop that looks for the end of the head, and for nothing else. WEIR_BACKEND chooses weir's backend.
#include <array>
#include <cstddef>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/http/server.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/task.hpp>

namespace {

constexpr std::size_t size = 1024;

int check(int result, const char* what) {
    if (result < 0) throw std::system_error{errno, std::generic_category(), what};
    return result;
}

void add(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void floor() {
    const int listener = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    check(bind(listener, reinterpret_cast<sockaddr*>(&at), length), "bind");
    check(listen(listener, 1024), "listen");
    check(getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length), "getsockname");
    std::cout << ntohs(at.sin_port) << std::endl;
    const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    add(epoll, listener);
    add(epoll, STDIN_FILENO);
    std::string answer{"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n"};
    answer.append(size, 'x');
    std::array<char, 4096> buffer{};
    std::array<epoll_event, 128> events{};
    for (;;) {
        const int n = check(epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1), "epoll_wait");
        for (int i = 0; i < n; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == STDIN_FILENO) return;
            if (fd == listener) {
                const int client = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
                const int on = 1;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                add(epoll, client);
                continue;
            }
            const ssize_t got = read(fd, buffer.data(), buffer.size());
            if (got <= 0) {
                close(fd);
                continue;
            }
            const std::string_view request{buffer.data(), static_cast<std::size_t>(got)};
            if (request.ends_with("\r\n\r\n"))
                check(static_cast<int>(write(fd, answer.data(), answer.size())), "write");
        }
    }
}

weir::task<weir::http::response> answer(weir::http::request&) {
    weir::http::response r{200, std::string(size, 'x')};
    r.headers.add("Content-Type", "text/plain");
    co_return r;
}

weir::task<> until_input_ends() {
    weir::file in = weir::standard_input();
    std::array<char, 100> buffer{};
    while (co_await in.read(buffer) != 0) {}
}

weir::task<> with_weir() {
    const weir::endpoint here{"127.0.0.1", 0};
    auto listener = co_await weir::listen(here);
    std::cout << listener.local_endpoint().port() << std::endl;
    const auto connection = [](weir::tcp_stream client, const weir::server_stop& stop) {
        return weir::http::serve(std::move(client), answer, stop.requested());
    };
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, until_input_ends()));
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 2 && std::string_view{argv[1]} == "floor") {
            floor();
        } else {
            weir::run(with_weir());
        }
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
