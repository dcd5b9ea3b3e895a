// SPDX-License-Identifier: MIT
// How does the cost of a round trip for a server grow with the number of connections?

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "../support/bench.hpp"
#include "../support/echo.hpp"
#include "../support/echo_servers.hpp"
#include "../support/remote.hpp"

namespace {

constexpr std::size_t message = 64; // bytes

/// Each connection has one message in flight while there are round trips to make. More connections than round trips
/// would change nothing.
bench::work served_by(const bench::server_process::serve& serve, std::size_t connections) {
    return [=](std::uint64_t round_trips) {
        const std::size_t some = std::min<std::size_t>(connections, round_trips);
        return bench::echo_served_anew_by(serve, {some, message})(round_trips);
    };
}

} // namespace

int main(int argc, char** argv) {
    using weir::backend_kind;
    bench::question q{argc, argv, "How does the cost of a round trip for a server grow with the number of connections?",
                      "server CPU ns/round trip", 20'000};
    const bool uring = bench::have_uring();
    if (!uring) q.missing("liburing, and weir on it");
    for (const std::size_t connections : {1, 10, 100, 1'000, 10'000}) {
        const std::string at = " @ " + std::to_string(connections);
        if (!bench::raise_descriptor_limit(connections + 100)) {
            std::fprintf(stderr, "%zu open files in a process are not allowed here (ulimit -n)\n", connections + 100);
            q.missing("all" + at);
            continue;
        }
        if (uring) {
            q.floor("liburing" + at,
                    served_by([](const auto& ready) { bench::raw_uring_echo(ready, message); }, connections));
        }
        q.floor("epoll" + at, served_by([](const auto& ready) { bench::raw_epoll_echo(ready, message); }, connections));
        for (const auto& [name, backend] :
             {std::pair{"weir, uring", backend_kind::uring}, {"weir, epoll", backend_kind::epoll}}) {
            if (backend == backend_kind::uring && !uring) continue;
            q.weir(name + (": read | write" + at),
                   served_by([backend](const auto& ready) { bench::weir_echo(ready, backend); }, connections));
            q.weir(name + (": read(buffer)" + at),
                   served_by([backend](const auto& ready) { bench::weir_echo_buffer(ready, backend, message); },
                             connections));
        }
    }
    return q.run();
}
