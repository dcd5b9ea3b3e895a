// SPDX-License-Identifier: MIT
#include "echo.hpp"

#include <memory>
#include <utility>

#include "echo_servers.hpp"

namespace bench {

namespace {

/// A server and its clients.
struct serving {
    server_process server;
    echo_clients clients;

    serving(const server_process::serve& serve, echo_load load)
        : server{serve}, clients{server.port(), load.connections, load.message} {}

    measurement measure(std::uint64_t round_trips) {
        const double before = server.cpu_nanoseconds();
        const std::int64_t bytes = clients.run(round_trips);
        return {server.cpu_nanoseconds() - before, bytes};
    }
};

} // namespace

work echo_served_by(server_process::serve serve, echo_load load) {
    return [serve = std::move(serve), load,
            running = std::shared_ptr<serving>{}](std::uint64_t round_trips) mutable -> measurement {
        if (running == nullptr) running = std::make_shared<serving>(serve, load);
        return running->measure(round_trips);
    };
}

work echo_served_anew_by(server_process::serve serve, echo_load load) {
    return [serve = std::move(serve), load](std::uint64_t round_trips) -> measurement {
        serving now{serve, load};
        now.clients.run(load.connections);
        return now.measure(round_trips);
    };
}

int ask_echo(int argc, char** argv, std::string text, echo_load load, std::uint64_t round_trips) {
    using weir::backend_kind;
    const std::size_t size = load.message;
    question q{argc, argv, std::move(text), "server CPU ns/round trip", round_trips};
    if (have_uring()) {
        q.floor("liburing, multishot, buffer ring",
                echo_served_by([=](const auto& ready) { raw_uring_echo(ready, size); }, load));
    } else {
        q.missing("liburing, multishot, buffer ring");
    }
    if (have_uring()) {
        q.peer("liburing, on demand, buffer ring",
               echo_served_by([=](const auto& ready) { raw_uring_echo_on_demand(ready, size); }, load));
    } else {
        q.missing("liburing, on demand, buffer ring");
    }
    q.peer("epoll", echo_served_by([=](const auto& ready) { raw_epoll_echo(ready, size); }, load));
    if (have_asio()) {
        q.peer("asio", echo_served_by([=](const auto& ready) { asio_echo(ready, size); }, load));
    } else {
        q.missing("asio");
    }
    if (have_uring()) {
        q.weir("uring: read | write",
               echo_served_by([](const auto& ready) { weir_echo(ready, backend_kind::uring); }, load));
        q.weir("uring: co_await read(buffer)",
               echo_served_by([=](const auto& ready) { weir_echo_buffer(ready, backend_kind::uring, size); }, load));
    }
    q.weir("epoll: read | write",
           echo_served_by([](const auto& ready) { weir_echo(ready, backend_kind::epoll); }, load));
    q.weir("epoll: co_await read(buffer)",
           echo_served_by([=](const auto& ready) { weir_echo_buffer(ready, backend_kind::epoll, size); }, load));
    return q.run();
}

} // namespace bench
