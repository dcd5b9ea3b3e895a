// SPDX-License-Identifier: MIT
#pragma once

// A server with slow, failing and flaky pages, for use without a network.
//
//     /delay/MS       an answer after MS milliseconds
//     /status/N       an answer with status N
//     /flaky/N?KEY    503 for the first N requests, then an answer; each KEY has its own count
//     /reset/N?KEY    the same, but the connection ends in the middle of the answer
//     /redirect/N     N redirects, then an answer
//     /chunked/N      N chunks of 1000 bytes
//     /endless        an endless body
//     /hang           no answer

#include <charconv>
#include <chrono>
#include <cstddef>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/http/server.hpp>
#include <weir/weir.hpp>

class demo_server {
public:
    explicit demo_server(weir::tcp_listener listener) : listener_{std::move(listener)} {}

    std::string address() const { return "http://" + listener_.local_endpoint().to_string(); }

    weir::task<> serve() {
        const auto serve_one = [this](weir::tcp_stream client) {
            return weir::http::serve(std::move(client), [this](weir::http::request& r) { return answer(r); });
        };
        co_await (weir::accept(listener_) | weir::map_async_unordered(most_clients, serve_one) | weir::drain());
    }

private:
    using response = weir::http::response;

    static constexpr int most_clients = 1000;

    weir::task<response> answer(const weir::http::request& r) {
        const std::string_view path = r.path();
        const std::string_view page = path.substr(0, path.find('/', 1));
        int n = 0;
        if (page.size() != path.size()) std::from_chars(path.data() + page.size() + 1, path.data() + path.size(), n);

        if (page == "/hang") co_await weir::sleep_for(std::chrono::hours{1});
        if (page == "/delay") co_await weir::sleep_for(std::chrono::milliseconds{n});
        if (page == "/delay") co_return response{200, "that took a while\n"};
        if (page == "/status") co_return response{static_cast<unsigned>(n), "as you wish\n"};
        if (page == "/endless") co_return response{200, blocks(std::numeric_limits<int>::max(), 16 * 1024)};
        if (page == "/chunked") co_return response{200, blocks(n, 1000)};
        if (page == "/redirect" && n > 0) {
            const std::string next = n > 1 ? "/redirect/" + std::to_string(n - 1) : "/redirect";
            weir::http::headers to;
            to.add("Location", next);
            co_return response{302, {}, std::move(to)};
        }
        if (page == "/redirect") co_return response{200, "here\n"};
        const bool fails = (page == "/flaky" || page == "/reset") && ++asked_[r.target] <= n;
        if (page == "/reset" && fails) co_return response{200, half()};
        if (page == "/flaky" || page == "/reset") co_return response{fails ? 503U : 200U, "at last\n"};
        co_return response{404, "no such page\n"};
    }

    static weir::http::body blocks(int n, std::size_t size) {
        return weir::iota(0, n) | weir::map([size](int) { return std::string(size, 'x'); });
    }

    /// A body that fails in its middle.
    static weir::async_stream<std::string> half() {
        co_yield std::string("at ");
        throw std::runtime_error{"the rest is not sent"};
    }

    weir::tcp_listener listener_;
    std::map<std::string, int> asked_;
};
