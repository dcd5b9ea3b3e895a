// SPDX-License-Identifier: MIT
// A chat server. The first line of a client is its name and its room; each further line goes to all clients in the
// room. A client that falls 100 messages behind is dropped. SIGINT and SIGTERM end the server after a last line to all.
//
//     chat_server PORT        with port 0 the kernel chooses one; the server prints it

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

using room = weir::broadcast<std::string>;
using rooms = std::map<std::string, room>;
constexpr std::size_t most_rooms = 1000;
/// The server does not wait for a slow client: its subscription overflows.
template <class Lines>
weir::task<> speak(Lines& from, const room& to, const std::string& name) {
    while (auto line = co_await weir::next(from)) to.try_send(name + ": " + line->to_string() + '\n');
}

weir::task<> hear(weir::tcp_stream& client, weir::subscription<std::string>& messages) {
    while (auto message = co_await weir::next(messages)) co_await client.write(*message);
}

weir::task<> talk(rooms& all, weir::tcp_stream client, const weir::server_stop& stop) {
    auto input = weir::lines(client, {.limit = 1024});
    const auto hello = co_await weir::with_timeout(10s, weir::next(input));
    if (!hello) co_return;
    const std::string text = hello->to_string();
    const std::string name = text.substr(0, text.find(' '));
    const std::string where = text.substr(std::min(text.size(), name.size() + 1));
    if (name.empty() || where.empty() || (all.size() == most_rooms && !all.contains(where))) co_return;
    const room& here = all[where];
    auto messages = here.subscribe({.capacity = 100, .overflow = weir::overflow::error});
    here.try_send(name + " is here\n");
    try {
        co_await weir::when_any(speak(input, here, name), hear(client, messages), messages.overflowed(),
                                stop.requested());
    } catch (const std::exception&) {} // the connection is broken, or a line is too long
    here.try_send(name + " has left\n");
    if (stop.is_requested()) co_await client.write("the server stops\n");
}

weir::task<> serve(std::uint16_t port) {
    rooms all;
    const weir::endpoint here{"127.0.0.1", port};
    auto listener = co_await weir::listen(here);
    std::cout << "listening on " << listener.local_endpoint() << std::endl;
    const auto handler = [&all](weir::tcp_stream client, const weir::server_stop& stop) {
        return talk(all, std::move(client), stop);
    };
    auto clients = weir::accept(std::move(listener));
    auto stop = weir::signals(SIGINT, SIGTERM);
    // The failure of a client does not affect the others.
    weir::serve_options options{.drain = 1s, .on_error = [](const std::exception_ptr&) {}};
    co_await (std::move(clients) | weir::serve(handler, std::move(stop), std::move(options)));
}

} // namespace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    const std::string_view text = argc == 2 ? argv[1] : "";
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        std::cerr << "usage: chat_server PORT\n";
        return 2;
    }
    try {
        weir::run(serve(port));
    } catch (const std::exception& e) {
        std::cerr << "chat_server: " << e.what() << '\n';
        return 1;
    }
}
