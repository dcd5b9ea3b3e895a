// SPDX-License-Identifier: MIT
#include "echo_servers.hpp"

#include <span>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/io/tcp.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

namespace bench {

namespace {

weir::task<> serve(weir::tcp_stream client) { co_await (weir::read(client) | weir::write(client)); }

weir::task<> serve_buffer(weir::tcp_stream client, std::size_t size) {
    std::vector<char> buffer(size);
    while (const std::size_t got = co_await client.read(buffer)) {
        co_await client.write(std::span{buffer.data(), got});
    }
}

template <class Serve>
void echo(const ready_function& ready, weir::backend_kind backend, Serve serve_one) {
    weir::executor ex{backend};
    auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
    ready(listener.local_endpoint().port());
    ex.run(weir::accept(std::move(listener)) |
           weir::for_each([&](weir::tcp_stream client) { ex.spawn(serve_one(std::move(client))).detach(); }));
}

} // namespace

void weir_echo(const ready_function& ready, weir::backend_kind backend) { echo(ready, backend, serve); }

void weir_echo_buffer(const ready_function& ready, weir::backend_kind backend, std::size_t message) {
    echo(ready, backend,
         [=](weir::tcp_stream client) { return serve_buffer(std::move(client), message < 1024 ? 1024 : message); });
}

} // namespace bench
