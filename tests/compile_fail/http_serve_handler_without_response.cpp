// SPDX-License-Identifier: MIT
// expect: weir::http::serve(stream, handler): the handler cannot be called with a request&
// expect: or does not return a weir::http::response

#include <utility>

#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>

int main() {
    weir::tcp_stream client;
    auto right = weir::http::serve(std::move(client), [](weir::http::request&) { return weir::http::response{200}; });
#ifdef MUST_NOT_COMPILE
    weir::tcp_stream other;
    auto wrong = weir::http::serve(std::move(other), [](weir::http::request&) { return 200; });
#endif
}
