// SPDX-License-Identifier: MIT
/// A server over HTTP for http/peers_test.py: prints its port, and ends with its standard input.
///
///     GET /hello          a text
///     GET /chunks?n       n parts of a stream
///     GET /large?n        n bytes of a known length
///     POST /echo          the body, while it arrives
///     POST /count         the size of the body
///     POST /refuse        403, without reading the body
///     GET /fail           500
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/server.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/task.hpp>

namespace {

namespace http = weir::http;

weir::async_stream<std::string> numbers(int n) {
    for (int i = 0; i < n; ++i) {
        if (i % 100 == 99) co_await weir::yield();
        co_yield "part " + std::to_string(i) + "\n";
    }
}

weir::async_stream<std::string> letters(std::size_t size) {
    for (std::size_t left = size; left != 0;) {
        std::string part(std::min<std::size_t>(left, 50'000), 'x');
        left -= part.size();
        co_yield std::move(part);
    }
}

weir::task<http::response> answer(http::request& r) {
    const std::string path{r.path()};
    const std::string query{r.query()};
    r.limit_body(std::uint64_t{1} << 40);
    if (path == "/hello") co_return http::response{200, "hello " + std::string{r.host()} + "\n"};
    if (path == "/chunks") {
        http::body parts{numbers(std::stoi(query))};
        parts.with_trailers([] { return http::headers{{"Sum", "done"}}; });
        co_return http::response{200, std::move(parts), {{"Trailer", "Sum"}}};
    }
    if (path == "/large") {
        const std::size_t size = std::stoul(query);
        co_return http::response{200, http::body{letters(size), size}};
    }
    if (path == "/echo") co_return http::response{200, r.body(), {{"Content-Type", "text/plain"}}};
    if (path == "/count") {
        std::size_t size = 0;
        co_await (r.body() | weir::for_each([&](const weir::bytes& part) { size += part.size(); }));
        co_return http::response{200, std::to_string(size)};
    }
    if (path == "/refuse") co_return http::response{403, "no\n"};
    if (path == "/fail") throw std::runtime_error{"secret"};
    co_return http::response{404, "nothing here\n"};
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
    const auto connection = [](weir::tcp_stream client, const weir::server_stop& stop) {
        return http::serve(std::move(client), answer, stop.requested());
    };
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, until_input_ends()));
}

} // namespace

int main() {
    try {
        weir::run(serve_all());
    } catch (const std::exception& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
