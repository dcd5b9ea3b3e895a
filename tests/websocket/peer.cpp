// SPDX-License-Identifier: MIT
/// A WebSocket server and client for websocket/peers_test.py.
///
///     websocket_peer server                   prints its port, echoes messages, and ends with its standard input
///     websocket_peer client URL [ROOT.PEM]    sends messages of many sizes, and prints what became of them
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/server.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/task.hpp>
#include <weir/websocket/accept.hpp>
#include <weir/websocket/connect.hpp>

#ifdef WITH_TLS
#include <weir/tls/stream.hpp>
#endif

namespace {

using namespace std::chrono_literals;
namespace http = weir::http;
namespace websocket = weir::websocket;

weir::task<> echo(websocket::connection& c) {
    while (auto m = co_await weir::next(c)) {
        if (m->data == "close") {
            auto closing = c.close(websocket::close_code{4000}, "as you wish");
            co_await std::move(closing);
            co_return;
        }
        auto sending = c.send(*std::move(m));
        co_await std::move(sending);
    }
}

weir::task<> until_input_ends() {
    weir::file in = weir::standard_input();
    std::array<char, 100> buffer{};
    while (co_await in.read(buffer) != 0) {}
}

weir::task<> serve_all() {
    const weir::endpoint here{"127.0.0.1", 0};
    auto listener = co_await weir::listen(here);
    std::cout << listener.local_endpoint().port() << std::endl;
    const auto answer = [](http::request& r) {
        websocket::accept_options o;
        o.protocols = {"chat.2", "chat.1"};
        o.limits.max_message = 8'000'000;
        o.limits.max_frame = 8'000'000;
        return websocket::accept(r, echo, std::move(o));
    };
    const auto connection = [&](weir::tcp_stream client, const weir::server_stop& stop) {
        http::server_options options;
        options.on_error = [](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                std::cout << e.what() << std::endl;
            }
        };
        return http::serve(std::move(client), answer, stop.requested(), options);
    };
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, until_input_ends()));
}

weir::task<> send_all(websocket::connection& c, int n) {
    for (int i = 0; i != n; ++i) {
        std::string text(static_cast<std::size_t>(i) * 997 % 5000, 'x');
        websocket::message m{std::move(text),
                             i % 2 == 0 ? websocket::message_type::text : websocket::message_type::binary};
        auto sending = c.send(std::move(m));
        co_await std::move(sending);
    }
    for (const std::size_t size : {125U, 126U, 65535U, 65536U, 3'000'000U}) {
        auto sending = c.send(std::string(size, 'y'));
        co_await std::move(sending);
    }
}

weir::task<> ask(std::string to, websocket::connect_options o) {
    o.protocols = {"chat.1"};
    o.limits.max_message = 8'000'000;
    o.limits.max_frame = 8'000'000;
    auto connecting = websocket::connect(to, std::move(o));
    websocket::connection c = co_await std::move(connecting);
    std::cout << "protocol " << c.protocol() << std::endl;
    weir::executor& ex = *co_await weir::this_executor();
    auto sending = ex.spawn(send_all(c, 2000));
    std::size_t messages = 0;
    std::size_t bytes = 0;
    std::size_t binary = 0;
    while (const auto m = co_await weir::next(c)) {
        if (++messages == 2005) { // all of them
            auto closing = c.start_close(websocket::close_code{4001}, "enough");
            co_await std::move(closing);
        }
        bytes += m->data.size();
        binary += m->type == websocket::message_type::binary ? 1U : 0U;
    }
    co_await std::move(sending);
    std::cout << messages << " messages, " << binary << " binary, " << bytes << " bytes, closed with "
              << static_cast<unsigned>(c.peer_reason()->code) << ' ' << c.peer_reason()->text << std::endl;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc >= 3) {
            websocket::connect_options o;
#ifdef WITH_TLS
            weir::tls::context_options trust;
            if (argc == 4) {
                std::ifstream file{argv[3]};
                trust.authorities.assign(std::istreambuf_iterator<char>{file}, {});
            }
            const weir::tls::context trusted{trust};
            o.connector = http::by_tls([trusted](weir::tcp_stream s, std::string host) {
                return weir::tls::client(std::move(s), std::move(host), trusted);
            });
#endif
            weir::run(ask(argv[2], std::move(o)));
        } else {
            weir::run(serve_all());
        }
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::cout << e.what() << std::endl;
        return EXIT_FAILURE;
    }
}
