// SPDX-License-Identifier: MIT
#include <weir/io/socket_options.hpp>

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>

#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

template <class Socket>
int option(const Socket& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(socket.native_handle(), level, name, &value, &size) == 0);
    return value;
}

} // namespace

TEST_SUITE("io/socket_options") {
    TEST_CASE("socket_options: TCP_NODELAY is on by default") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto& address = listener.local_endpoint();
        CHECK(option(ex.run(weir::tcp_connect(address)), IPPROTO_TCP, TCP_NODELAY) != 0);
        CHECK(option(ex.run(listener.accept()), IPPROTO_TCP, TCP_NODELAY) != 0);
        CHECK(option(ex.run(weir::tcp_connect(address, {.no_delay = false})), IPPROTO_TCP, TCP_NODELAY) == 0);
    }

    TEST_CASE("socket_options: keepalive is off by default and as configured otherwise") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto& address = listener.local_endpoint();
        CHECK(option(ex.run(weir::tcp_connect(address)), SOL_SOCKET, SO_KEEPALIVE) == 0);
        const auto kept =
            ex.run(weir::tcp_connect(address, {.keep_alive = 30s, .keep_alive_interval = 7s, .keep_alive_probes = 3}));
        CHECK(option(kept, SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(option(kept, IPPROTO_TCP, TCP_KEEPIDLE) == 30);
        CHECK(option(kept, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
        CHECK(option(kept, IPPROTO_TCP, TCP_KEEPCNT) == 3);
    }

    TEST_CASE("socket_options: fractions of seconds are rounded up") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto kept = ex.run(weir::tcp_connect(listener.local_endpoint(), {.keep_alive = 1500ms}));
        CHECK(option(kept, IPPROTO_TCP, TCP_KEEPIDLE) == 2);
    }

    TEST_CASE("socket_options: the options of a listener apply to the connections that it accepts") {
        weir::executor ex;
        auto listener = ex.run(weir::listen(
            {"127.0.0.1", 0}, {.connections = {.no_delay = false, .keep_alive = 20s, .receive_buffer = 20'000}}));
        auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
        const auto server = ex.run(listener.accept());
        CHECK(option(server, IPPROTO_TCP, TCP_NODELAY) == 0);
        CHECK(option(server, SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(option(server, IPPROTO_TCP, TCP_KEEPIDLE) == 20);
        CHECK(option(server, SOL_SOCKET, SO_RCVBUF) >= 20'000);
        CHECK(option(server, SOL_SOCKET, SO_RCVBUF) <= 40'000);
    }

    TEST_CASE("socket_options: a buffer has the requested size, or opening the socket fails") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto& address = listener.local_endpoint();
        const auto client = ex.run(weir::tcp_connect(address, {.receive_buffer = 30'000, .send_buffer = 40'000}));
        CHECK(option(client, SOL_SOCKET, SO_RCVBUF) >= 30'000);
        CHECK(option(client, SOL_SOCKET, SO_SNDBUF) >= 40'000);
        const std::size_t before = support::open_descriptors();
        const std::size_t too_much = 1u << 30;
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::tcp_connect(address, {.receive_buffer = too_much}));
              }) == "set receive_buffer = 1073741824 on " + address.to_string() + ": No buffer space available");
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("socket_options: listeners and datagram sockets may share a port") {
        weir::executor ex;
        auto one = ex.run(weir::listen({"127.0.0.1", 0}, {.reuse_port = true}));
        auto other = ex.run(weir::listen(one.local_endpoint(), {.reuse_port = true}));
        CHECK(one.local_endpoint() == other.local_endpoint());
        auto alone = ex.run(weir::listen({"127.0.0.1", 0}));
        CHECK(support::system_error_of([&] {
                  return ex.run(weir::listen(alone.local_endpoint(), {.reuse_port = true}));
              }) == "listen on " + alone.local_endpoint().to_string() + ": Address already in use");
    }

    TEST_CASE("socket_options: values that make no sense are errors that name the option") {
        const weir::endpoint any{"127.0.0.1", 1};
        CHECK_THROWS_AS(weir::tcp_connect(any, {.keep_alive = -1s}), std::invalid_argument);
        CHECK_THROWS_AS(weir::tcp_connect(any, {.keep_alive = 1s, .keep_alive_probes = -1}), std::invalid_argument);
        CHECK_THROWS_AS(weir::tcp_connect(any, {.send_buffer = std::numeric_limits<std::size_t>::max()}),
                        std::invalid_argument);
        try {
            static_cast<void>(weir::listen(any, {.connections = {.keep_alive = -1s}}));
            FAIL("it was taken");
        } catch (const std::invalid_argument& e) {
            CHECK(std::string{e.what()}.find("weir::listen") != std::string::npos);
            CHECK(std::string{e.what()}.find("keep_alive") != std::string::npos);
        }
    }
}
