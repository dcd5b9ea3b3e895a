// SPDX-License-Identifier: MIT
#pragma once

// A server with slow, failing and flaky pages, for use without a network.
//
//     /delay/MS       an answer after MS milliseconds
//     /status/N       an answer with status N
//     /flaky/N?KEY    503 for the first N requests, then an answer; each KEY has its own count
//     /reset/N?KEY    the same, but the connection breaks in the middle of the answer
//     /redirect/N     N redirects, then an answer
//     /chunked/N      N chunks of 1000 bytes
//     /endless        an endless body
//     /hang           no answer

#include <charconv>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weir/weir.hpp>

#include "http.hpp"

class demo_server {
public:
    explicit demo_server(weir::tcp_listener listener) : listener_{std::move(listener)} {}

    std::string address() const { return "http://" + listener_.local_endpoint().to_string(); }

    weir::task<> serve() {
        auto answer_one = [this](weir::tcp_stream client) { return answer(std::move(client)); };
        co_await (weir::accept(listener_) | weir::map_async_unordered(most_clients, answer_one) | weir::drain());
    }

private:
    static constexpr int most_clients = 1000;

    weir::task<> answer(weir::tcp_stream client) {
        try {
            const body_options no_body{.longest = 0};
            const message request = co_await read_message(client, HTTP_REQUEST, no_body);
            co_await answer(client, request.target);
        } catch (const http_error&) {
            // A client that does not send a valid request gets no answer.
        } catch (const std::system_error&) {
            // The client has disconnected.
        }
    }

    weir::task<> answer(weir::tcp_stream& client, std::string_view target) {
        const std::string_view path = target.substr(0, target.find('?'));
        const std::size_t slash = path.find('/', 1);
        const std::string_view page = path.substr(0, slash);
        int n = 0;
        if (slash != path.npos) std::from_chars(path.data() + slash + 1, path.data() + path.size(), n);

        if (page == "/hang") {
            co_await weir::sleep_for(std::chrono::hours{1});
        } else if (page == "/endless") {
            const std::string more(16 * 1024, 'x');
            co_await client.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            for (;;) co_await client.write(more);
        } else if (page == "/chunked") {
            const std::string chunk = "3e8\r\n" + std::string(1000, 'x') + "\r\n";
            co_await client.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for (int i = 0; i < n; ++i) co_await client.write(chunk);
            co_await client.write("0\r\n\r\n");
        } else {
            if (page == "/delay") co_await weir::sleep_for(std::chrono::milliseconds{n});
            const std::string text = short_answer(page, n, std::string{target});
            co_await client.write(text);
        }
    }

    std::string short_answer(std::string_view page, int n, const std::string& target) {
        if (page == "/delay") return response(200, {}, "that took a while\n");
        if (page == "/status") return response(n, {}, "as you wish\n");
        if (page == "/flaky") return response(++asked_[target] <= n ? 503 : 200, {}, "at last\n");
        if (page == "/reset") {
            const std::string whole = response(200, {}, "at last\n");
            return ++asked_[target] <= n ? whole.substr(0, whole.size() / 2) : whole;
        }
        if (page == "/redirect" && n > 0) {
            return response(302, n > 1 ? "Location: /redirect/" + std::to_string(n - 1) : "Location: /redirect", {});
        }
        if (page == "/redirect") return response(200, {}, "here\n");
        return response(404, {}, "no such page\n");
    }

    weir::tcp_listener listener_;
    std::map<std::string, int> asked_;
};
