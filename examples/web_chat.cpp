// SPDX-License-Identifier: MIT
// A chat in the browser: a page over HTTP, and a WebSocket for each visitor. A visitor that falls 100 messages behind
// is dropped. SIGINT and SIGTERM end the server.
//
//     web_chat PORT        with port 0 the kernel chooses one; the server prints it

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include <weir/http/server.hpp>
#include <weir/websocket/accept.hpp>
#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

constexpr std::string_view page = R"(<!DOCTYPE html>
<meta charset="utf-8"><title>web_chat</title>
<form><input autofocus size="60"></form><pre></pre>
<script>
const socket = new WebSocket('ws://' + location.host + '/chat');
const [out, input] = ['pre', 'input'].map(name => document.querySelector(name));
socket.onmessage = m => { out.textContent += m.data + '\n'; };
socket.onclose = c => { out.textContent += '(closed: ' + c.code + ')\n'; };
document.querySelector('form').onsubmit = e => { e.preventDefault(); socket.send(input.value); input.value = ''; };
</script>
)";

using room = weir::broadcast<std::string>;

weir::task<> speak(weir::websocket::connection& from, const room& to, const std::string& name) {
    while (auto m = co_await weir::next(from)) to.try_send(name + ": " + m->data);
}

weir::task<> hear(weir::websocket::connection& client, weir::subscription<std::string>& messages) {
    while (auto text = co_await weir::next(messages)) co_await client.send(*std::move(text));
}

weir::task<> talk(weir::websocket::connection& client, const room& here) {
    auto messages = here.subscribe({.capacity = 100, .overflow = weir::overflow::error});
    const std::string name = client.name();
    here.try_send(name + " is here");
    try {
        co_await weir::when_any(speak(client, here, name), hear(client, messages));
    } catch (const std::exception&) {} // the connection is broken, or a message is too long
    here.try_send(name + " has left");
}

weir::task<> serve(std::uint16_t port) {
    const room everybody;
    const weir::endpoint here{"127.0.0.1", port};
    auto listener = co_await weir::listen(here);
    std::cout << "http://" << listener.local_endpoint() << "/" << std::endl;
    const auto answer = [&](weir::http::request& r) {
        const auto enter = [&](weir::websocket::connection& c) { return talk(c, everybody); };
        if (r.path() == "/chat") return weir::websocket::accept(r, enter, {.limits = {.max_message = 1000}});
        if (r.path() != "/") return weir::http::response{404, "nothing here\n"};
        return weir::http::response{200, page, {{"Content-Type", "text/html"}}};
    };
    const auto connection = [&](weir::tcp_stream client, const weir::server_stop& stop) {
        return weir::http::serve(std::move(client), answer, stop.requested());
    };
    const weir::serve_options options{.max_connections = 1000, .drain = 1s};
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, weir::signals(SIGINT, SIGTERM), options));
}

} // namespace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    const std::string_view text = argc == 2 ? argv[1] : "";
    if (std::from_chars(text.data(), text.data() + text.size(), port).ptr != text.data() + text.size() || argc != 2) {
        std::cerr << "usage: web_chat PORT\n";
        return 2;
    }
    try {
        weir::run(serve(port));
    } catch (const std::exception& e) {
        std::cerr << "web_chat: " << e.what() << '\n';
        return 1;
    }
}
