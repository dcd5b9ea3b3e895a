// SPDX-License-Identifier: MIT
#include <weir/http/client.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/limit_exceeded.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/error.hpp>
#include <weir/http/server.hpp>
#include <weir/io/limited_stream.hpp>
#include <weir/io/tcp.hpp>
#include <weir/observe/dump.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "wire.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
using weir::testing::virtual_executor;
namespace http = weir::http;

namespace {

/// A client whose servers are the test.
class browser {
public:
    explicit browser(http::client_options options = {}) : client_{with_connector(std::move(options))} {}

    http::client& client() { return client_; }
    std::size_t idle() const { return client_.idle(); }

    /// Starts a request, and returns its number.
    std::size_t send(http::client_request r) {
        results_.emplace_back();
        handles_.emplace_back(ex.spawn(run(results_.size() - 1, std::move(r))));
        ex.run_ready();
        return results_.size() - 1;
    }
    std::size_t get(std::string_view from) { return send({"GET", http::url{from}}); }
    /// The status and the body of a response, or the error, or "" if there is none yet.
    const std::string& result(std::size_t n) const { return results_[n]; }
    std::optional<http::request_phase> phase;
    void drop(std::size_t n) { handles_[n].reset(); }

    /// Answers over the n-th connection.
    void answer(std::size_t n, std::string_view text) {
        wires[n].send(text);
        ex.run_ready();
    }
    void end(std::size_t n) {
        wires[n].end();
        ex.run_ready();
    }
    std::string received(std::size_t n) { return wires[n].received(); }
    void after(weir::duration d) { ex.advance(d); }

    virtual_executor ex;
    std::deque<support::wire> wires;  // in the order of the connections
    std::vector<std::string> origins; // likewise
    weir::duration connecting = 0s;
    bool reads = true; // the bodies of responses

private:
    http::client_options with_connector(http::client_options options) {
        options.connector = [this](http::url to) -> weir::task<http::connection> {
            if (connecting != 0s) co_await weir::sleep_for(connecting);
            origins.emplace_back(to.origin());
            co_return http::connection{support::wire_stream{wires.emplace_back()}};
        };
        return options;
    }

    weir::task<> run(std::size_t n, http::client_request r) {
        try {
            auto sending = client_.send(std::move(r));
            auto answer = co_await std::move(sending);
            while (!reads) co_await weir::sleep_for(1s);
            auto reading = answer.text();
            const std::string text = co_await std::move(reading);
            results_[n] = std::to_string(answer.status);
            results_[n].append(" ").append(text);
        } catch (const http::request_timed_out& e) {
            phase = e.phase();
            results_[n] = e.what();
        } catch (const std::exception& e) {
            results_[n] = e.what();
        }
    }

    http::client client_;
    std::deque<std::string> results_;
    std::deque<std::optional<weir::join_handle<weir::task<>>>> handles_;
};

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string redirect(unsigned status, std::string_view location) {
    std::string text{"HTTP/1.1 "};
    text.append(std::to_string(status)).append(" R\r\nContent-Length: 3\r\nLocation: ").append(location);
    return text.append("\r\n\r\nabc");
}

weir::async_stream<std::string> parts(std::vector<std::string> all) {
    for (std::string& one : all) co_yield std::move(one);
}

weir::async_stream<std::string> slow_parts(std::vector<std::string> all) {
    for (std::string& one : all) {
        co_await weir::sleep_for(1s);
        co_yield std::move(one);
    }
}

} // namespace

TEST_SUITE("http/client") {
    TEST_CASE("a client uses a connection again") {
        browser b;
        for (int i = 0; i != 3; ++i) {
            const auto n = b.get("http://a/x");
            CHECK(b.wires.size() == 1);
            CHECK(b.received(0) == "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            b.answer(0, ok);
            CHECK(b.result(n) == "200 ok");
            CHECK(b.idle() == 1);
        }
        CHECK(b.origins == std::vector<std::string>{"http://a"});
        b.get("http://a:81/x");
        CHECK(b.origins.back() == "http://a:81");
        b.get("https://a/x");
        CHECK(b.origins.back() == "https://a");
        CHECK(b.wires.size() == 3);
    }
    TEST_CASE("a client uses a connection again only if it is clean") {
        const auto kept = [](std::string_view response, http::client_request r) {
            browser b;
            b.send(std::move(r));
            b.answer(0, response);
            const bool is_kept = b.idle() == 1;
            CHECK(b.wires[0].closed() == !is_kept);
            return is_kept;
        };
        const http::url a{"http://a"};
        CHECK(kept(ok, {"GET", a}));
        CHECK(kept("HTTP/1.1 204 No Content\r\n\r\n", {"GET", a}));
        CHECK(kept("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", {"GET", a}));
        CHECK(kept("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {"HEAD", a}));
        CHECK(kept("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", {"GET", a}));
        CHECK(kept("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"GET", a}));
        CHECK(kept("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", {"GET", a}));
        CHECK_FALSE(kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", {"GET", a}));
        CHECK_FALSE(kept("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", {"GET", a}));
        CHECK_FALSE(kept(ok, {"GET", a, {}, {{"Connection", "close"}}}));
        CHECK_FALSE(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK", {"GET", a}));
        CHECK_FALSE(kept("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokx", {"GET", a}));
        CHECK_FALSE(kept("HTTP/1.1 200 O\x01K\r\n\r\n", {"GET", a}));

        http::client_request refused{"POST", a, "abc"};
        refused.expect = http::expect_continue::yes;
        CHECK_FALSE(kept("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", std::move(refused)));
    }
    TEST_CASE("a response that is dropped before its end closes its connection") {
        browser b;
        b.reads = false;
        const auto n = b.get("http://a");
        b.answer(0, ok);
        CHECK_FALSE(b.wires[0].closed());
        b.drop(n);
        CHECK(b.wires[0].closed());
        CHECK(b.idle() == 0);
    }
    TEST_CASE("a client drops a kept connection when the server closes it or sends something") {
        browser b;
        b.get("http://a");
        b.answer(0, ok);
        CHECK_FALSE(b.wires[0].closed());
        b.end(0);
        CHECK(b.wires[0].closed());
        CHECK(b.idle() == 0);
        b.get("http://a");
        CHECK(b.wires.size() == 2);
        b.answer(1, ok);
        CHECK(b.idle() == 1);
        b.answer(1, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        CHECK(b.wires[1].closed());
        CHECK(b.idle() == 0);
    }
    TEST_CASE("a client keeps a connection for the idle timeout") {
        http::client_options options;
        options.idle_timeout = 5s;
        browser b{options};
        b.get("http://a");
        b.answer(0, ok);
        b.after(4999ms);
        CHECK(b.idle() == 1);
        b.after(1ms);
        CHECK(b.idle() == 0);
        CHECK(b.wires[0].closed());

        options.idle_timeout = 0s;
        browser none{options};
        none.get("http://a");
        none.answer(0, ok);
        CHECK(none.wires[0].closed());

        browser closed;
        closed.get("http://a");
        closed.answer(0, ok);
        closed.client().close_idle();
        CHECK(closed.wires[0].closed());
    }
    TEST_CASE("a request over a kept connection that was closed is sent once more, if that is safe") {
        const auto used_again = [](http::client_request r, std::string_view before_end) {
            browser b;
            b.get("http://a");
            b.answer(0, ok);
            const auto n = b.send(std::move(r));
            b.wires[0].send(before_end);
            b.end(0);
            if (b.wires.size() == 1) return b.result(n);
            const std::string request = b.received(1);
            b.answer(1, ok);
            CHECK(b.wires.size() == 2);
            return b.result(n) + ": " + request;
        };
        const http::url a{"http://a/x"};
        const std::string lost = "weir::http: read from peer: the connection has ended before a response";
        CHECK(used_again({"GET", a}, "") == "200 ok: GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(used_again({"PUT", a, "abc"}, "") ==
              "200 ok: PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        CHECK(used_again({"POST", a, "abc"}, "") == lost);
        CHECK(used_again({"PUT", a, parts({"abc"})}, "") == lost);
        CHECK(used_again({"GET", a}, "H") ==
              "weir::http: read from peer: byte 1: the connection has ended within a message");
    }
    TEST_CASE("a request over a new connection is not sent again, nor a second time") {
        browser b;
        const auto first = b.get("http://a");
        b.end(0);
        CHECK(b.result(first) == "weir::http: read from peer: the connection has ended before a response");
        b.get("http://a");
        b.answer(1, ok);
        const auto second = b.get("http://a");
        b.end(1);
        CHECK(b.result(second) == "");
        b.end(2);
        CHECK(b.result(second) == "weir::http: read from peer: the connection has ended before a response");
        CHECK(b.wires.size() == 3);
    }
    TEST_CASE("requests wait for a connection of their origin in order of arrival") {
        http::client_options options;
        options.connections_per_origin = 2;
        options.waiting = 2;
        browser b{options};
        const auto first = b.get("http://a/1");
        b.get("http://a/2");
        const auto third = b.get("http://a/3");
        const auto fourth = b.get("http://a/4");
        const auto fifth = b.get("http://a/5");
        CHECK(b.result(fifth) == "weir::http::client: more than 2 requests wait for a connection");
        b.get("http://b/1"); // another origin does not wait
        CHECK(b.origins == std::vector<std::string>{"http://a", "http://a", "http://b"});
        static_cast<void>(b.received(0));
        b.answer(0, ok);
        CHECK(b.result(first) == "200 ok");
        CHECK(b.received(0).starts_with("GET /3 "));
        b.drop(third);
        CHECK(b.wires[0].closed());
        b.ex.run_ready();
        CHECK(b.wires.size() == 4);
        CHECK(b.received(3).starts_with("GET /4 "));
        b.answer(3, ok);
        CHECK(b.result(fourth) == "200 ok");
    }
    TEST_CASE("a kept connection makes room for one to another origin") {
        http::client_options options;
        options.connections = 2;
        browser b{options};
        b.get("http://a");
        b.answer(0, ok);
        b.get("http://b");
        b.answer(1, ok);
        CHECK(b.idle() == 2);
        b.get("http://c");
        CHECK(b.wires[0].closed()); // it was used first
        CHECK_FALSE(b.wires[1].closed());
        b.get("http://d");
        CHECK(b.wires[1].closed());
        b.get("http://e"); // waits
        CHECK(b.wires.size() == 4);
        b.answer(2, ok);
        CHECK(b.wires.size() == 5);
        CHECK(b.origins.back() == "http://e");
    }
    TEST_CASE("a client follows redirects") {
        struct example {
            std::string_view method;
            unsigned status;
            std::string_view second; // the request that follows
        };
        const std::string_view with_body =
            "PUT /y HTTP/1.1\r\nHost: a\r\nContent-Type: t\r\nContent-Length: 3\r\n\r\nabc";
        const std::string_view post = "POST /y HTTP/1.1\r\nHost: a\r\nContent-Type: t\r\nContent-Length: 3\r\n\r\nabc";
        const std::string_view bare = "GET /y HTTP/1.1\r\nHost: a\r\n\r\n";
        for (const example& e : std::initializer_list<example>{{"POST", 301, bare},
                                                               {"POST", 302, bare},
                                                               {"POST", 303, bare},
                                                               {"POST", 307, post},
                                                               {"POST", 308, post},
                                                               {"PUT", 301, with_body},
                                                               {"PUT", 302, with_body},
                                                               {"PUT", 303, bare},
                                                               {"PUT", 307, with_body}}) {
            INFO(e.method << ' ' << e.status);
            browser b;
            const auto n = b.send({std::string{e.method}, http::url{"http://a/x"}, "abc", {{"Content-Type", "t"}}});
            static_cast<void>(b.received(0));
            b.answer(0, redirect(e.status, "y"));
            CHECK(b.received(0) == e.second);
            b.answer(0, ok);
            CHECK(b.result(n) == "200 ok");
            CHECK(b.wires.size() == 1);
        }
        browser head;
        head.send({"HEAD", http::url{"http://a/x"}});
        head.answer(0, "HTTP/1.1 303 R\r\nContent-Length: 3\r\nLocation: /y\r\n\r\n");
        CHECK(head.received(0).ends_with("HEAD /y HTTP/1.1\r\nHost: a\r\n\r\n"));

        for (const std::string_view response :
             {"HTTP/1.1 304 N\r\nLocation: /y\r\n\r\n", "HTTP/1.1 300 N\r\nContent-Length: 0\r\nLocation: /y\r\n\r\n",
              "HTTP/1.1 302 N\r\nContent-Length: 0\r\n\r\n"}) {
            browser b;
            const auto n = b.get("http://a");
            b.answer(0, response);
            CHECK(b.result(n) == std::string{response.substr(9, 4)});
        }
    }
    TEST_CASE("a redirect to another origin gets no credentials") {
        browser b;
        b.send({"GET", http::url{"https://a/x"}, {}, {{"Authorization", "s"}, {"Cookie", "c"}, {"Accept", "t"}}});
        b.answer(0, redirect(302, "/y"));
        CHECK(b.received(0).ends_with(
            "GET /y HTTP/1.1\r\nHost: a\r\nAuthorization: s\r\nCookie: c\r\nAccept: t\r\n\r\n"));
        b.answer(0, redirect(302, "https://a:444/z"));
        CHECK(b.received(1) == "GET /z HTTP/1.1\r\nHost: a:444\r\nAccept: t\r\n\r\n");
        b.answer(1, redirect(302, "https://a/w")); // they do not come back
        CHECK(b.received(0).ends_with("GET /w HTTP/1.1\r\nHost: a\r\nAccept: t\r\n\r\n"));
    }
    TEST_CASE("a client follows a redirect to the same URL") {
        browser b;
        const auto n = b.get("http://a/x");
        static_cast<void>(b.received(0));
        b.answer(0, redirect(302, "/x"));
        CHECK(b.received(0) == "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        b.answer(0, ok);
        CHECK(b.result(n) == "200 ok");
    }
    TEST_CASE("a redirect that cannot be followed is an error") {
        const auto error = [](std::string_view from, std::string_view response, http::client_options options = {}) {
            browser b{std::move(options)};
            const auto n = b.get(from);
            for (int i = 0; i != 20 && b.result(n).empty(); ++i) b.answer(b.wires.size() - 1, response);
            return b.result(n);
        };
        CHECK(error("http://a/x", redirect(302, "/x")) ==
              "weir::http: redirect from http://a: there are more than 10 redirects");
        CHECK(error("http://a/x", redirect(302, "ftp://b")) ==
              "weir::http: redirect from http://a: weir::http::url: byte 0: the scheme is neither http nor https");
        CHECK(error("https://a/x", redirect(302, "http://a/y")) ==
              "weir::http: redirect from https://a: it leads from https to http");
        CHECK(error("http://a/x", redirect(302, "z/y")) ==
              "weir::http: redirect from http://a: there are more than 10 redirects");
        http::client_options none;
        none.redirects = 0;
        CHECK(error("http://a/x", redirect(302, "/y"), none) == "302 abc");

        browser b;
        const auto n = b.send({"POST", http::url{"http://a"}, parts({"a"})});
        b.answer(0, redirect(307, "/y"));
        CHECK(b.result(n) ==
              "weir::http: redirect from http://a: the body of the request is a stream, which cannot be sent again");
        const auto to_get = b.send({"POST", http::url{"http://b"}, parts({"a"})});
        b.answer(1, redirect(303, "/y"));
        b.answer(1, ok);
        CHECK(b.result(to_get) == "200 ok");
    }
    TEST_CASE("a response that has ended before the request ends the request") {
        for (const std::string_view response : {ok, std::string_view{"HTTP/1.1 204 No Content\r\n\r\n"}}) {
            browser b;
            const auto n = b.send({"POST", http::url{"http://a"}, slow_parts({"a", "b"})});
            b.after(1s);
            CHECK(b.received(0).ends_with("1\r\na\r\n"));
            b.answer(0, response);
            CHECK(b.result(n).starts_with("20"));
            CHECK(b.wires[0].closed());
            CHECK(b.idle() == 0);
        }
    }
    TEST_CASE("a redirect with a long body does not hold up the next request") {
        browser b;
        const auto n = b.get("http://a");
        b.answer(0, "HTTP/1.1 302 R\r\nLocation: /y\r\n\r\n");
        b.answer(0, std::string(100 * 1024, 'x'));
        CHECK(b.wires.size() == 2);
        CHECK(b.wires[0].closed());
        b.answer(1, ok);
        CHECK(b.result(n) == "200 ok");
    }
    TEST_CASE("a client has a time limit for the connection and for the whole request") {
        http::client_options options;
        options.connect_timeout = 3s;
        browser slow{options};
        slow.connecting = 1h;
        const auto n = slow.get("http://a");
        slow.after(2999ms);
        CHECK(slow.result(n) == "");
        slow.after(1ms);
        CHECK(slow.result(n) == "weir::http: connect to http://a: no connection within 3s");
        CHECK(slow.phase == http::request_phase::connect);

        options.total_timeout = 5s;
        browser head{options};
        const auto h = head.get("http://a");
        head.after(5s);
        CHECK(head.result(h) == "weir::http: http://a: no whole response within 5s");
        CHECK(head.phase == http::request_phase::total);
        CHECK(head.wires[0].closed());

        browser body{options};
        const auto m = body.get("http://a");
        body.answer(0, "HTTP/1.1 200 OK\r\n\r\n");
        for (int i = 0; i != 4; ++i) {
            body.after(1s);
            body.answer(0, "x");
            CHECK(body.result(m) == "");
        }
        body.after(1s);
        CHECK(body.result(m) == "weir::http: read from peer: no whole response within 5s");
        CHECK(body.phase == http::request_phase::total);

        options.connections_per_origin = 1;
        browser waiting{options};
        waiting.get("http://a");
        const auto w = waiting.get("http://a");
        waiting.after(5s);
        CHECK(waiting.result(w) == "weir::http: http://a: no whole response within 5s");
    }
    TEST_CASE("the time limit for a head starts anew with each request over a connection") {
        http::client_options options;
        options.connections_per_origin = 1;
        options.exchange.head_timeout = 3s;
        browser b{options};
        for (int i = 0; i != 3; ++i) b.get("http://a");
        for (std::size_t i = 0; i != 3; ++i) {
            b.after(2s);
            b.answer(0, ok);
            CHECK(b.result(i) == "200 ok");
        }
        CHECK(b.wires.size() == 1);
    }
    TEST_CASE("a client adds its headers to requests that do not have them") {
        http::client_options options;
        options.headers.add("User-Agent", "test").add("Accept", "*/*");
        browser b{options};
        b.send({"GET", http::url{"http://a"}, {}, {{"accept", "text/plain"}}});
        CHECK(b.received(0) == "GET / HTTP/1.1\r\nHost: a\r\naccept: text/plain\r\nUser-Agent: test\r\n\r\n");
    }
    TEST_CASE("a client may outlive its executor, and be used on another one") {
        std::deque<support::wire> wires;
        http::client_options options;
        options.connector = [&wires](http::url) -> weir::task<http::connection> {
            wires.emplace_back().send(ok);
            co_return http::connection{support::wire_stream{wires.back()}};
        };
        http::client client{options};
        const auto text = [&client]() -> weir::task<std::string> {
            auto answer = co_await client.get("http://a");
            auto reading = answer.text();
            co_return co_await std::move(reading);
        };
        for (std::size_t i = 0; i != 3; ++i) {
            {
                virtual_executor ex;
                CHECK(ex.run(text) == "ok");
                CHECK(client.idle() == 1);
                ex.run_ready();
                CHECK(weir::dump(ex).find("http::client A: kept connections: 1") != std::string::npos);
            }
            CHECK(client.idle() == 0);
            CHECK(wires.size() == i + 1);
            CHECK(wires[i].closed());
        }
        virtual_executor ex;
        CHECK(ex.run(text) == "ok");
        client = http::client{};
        CHECK(wires[3].closed());
    }
    TEST_CASE("a client may be destroyed before its requests") {
        browser b;
        const auto n = b.get("http://a");
        b.client() = http::client{};
        b.answer(0, ok);
        CHECK(b.result(n) == "200 ok");
        CHECK(b.wires[0].closed()); // with the pool
    }
    TEST_CASE("a request that is dropped at any point frees its connection") {
        http::client_options options;
        options.connections_per_origin = 1;
        const std::string first = redirect(302, "/y");
        const std::string script = first + std::string{ok};
        for (std::size_t n = 0; n != script.size(); ++n) {
            browser b{options};
            b.connecting = 1s;
            const auto dropped = b.get("http://a");
            const auto next = b.get("http://a");
            if (n != 0) b.after(1s);
            if (n > 1) b.answer(0, std::string_view{script}.substr(0, n - 1));
            b.drop(dropped);
            b.ex.run_ready();
            b.after(1s);
            // Behind the redirect, the connection serves the other request before the redirected one.
            CHECK(b.wires.size() == (n == 0 || n - 1 == first.size() ? 1 : 2));
            b.answer(b.wires.size() - 1, ok);
            CHECK(b.result(next) == "200 ok");
        }
    }
    TEST_CASE("a client refuses options that make no sense") {
        const auto error = [](auto change) -> std::string {
            http::client_options options;
            change(options);
            try {
                const http::client c{options};
            } catch (const std::invalid_argument& e) {
                return e.what();
            }
            return "";
        };
        CHECK(error([](auto& o) { o.connections_per_origin = 0; }) ==
              "weir::http::client: connections_per_origin must be at least 1");
        CHECK(error([](auto& o) { o.connections = 0; }) == "weir::http::client: connections must be at least 1");
        CHECK(error([](auto& o) { o.connect_timeout = 0s; }) == "weir::http::client: connect_timeout must be positive");
        CHECK(error([](auto& o) { o.total_timeout = 0s; }) == "weir::http::client: total_timeout must be positive");
        CHECK(error([](auto& o) { o.idle_timeout = -1s; }) == "weir::http::client: idle_timeout must not be negative");
        CHECK(error([](auto& o) { o.connector = nullptr; }) == "weir::http::client: there is no connector");
        CHECK(error([](auto& o) { o.exchange.head_timeout = 0s; }) ==
              "weir::http::client: head_timeout must be positive");
        CHECK(error([](auto& o) { o.headers.add("content-length", "5"); }) ==
              "weir::http::client: headers: the header Content-Length is the library's");
        const http::client c;
        CHECK_THROWS_AS(static_cast<void>(c.get("example.org")), std::invalid_argument);
    }
    TEST_CASE("by_tcp connects for http, and by_tls passes connections for https through a handshake") {
        const auto run = [](http::connector by) {
            simulation sim{1};
            auto all = [&]() -> weir::task<std::string> {
                const weir::endpoint any{"10.0.0.1", 80};
                auto listener = co_await weir::listen(any);
                auto answer = [](weir::tcp_stream s) {
                    const auto hello = [](http::request& r) -> weir::task<http::response> {
                        co_return http::response{200, r.target};
                    };
                    return http::serve(std::move(s), hello);
                };
                weir::executor& ex = *co_await weir::this_executor();
                auto serving =
                    weir::accept(std::move(listener)) | weir::map_async_unordered(10, answer) | weir::drain();
                auto server = ex.spawn(std::move(serving));
                http::client_options options;
                options.connector = by;
                const http::client c{options};
                std::string text;
                for (const char* const from : {"http://10.0.0.1/x", "https://10.0.0.1:80/y"}) {
                    try {
                        auto getting = c.get(from);
                        auto r = co_await std::move(getting);
                        auto reading = r.text();
                        text.append(co_await std::move(reading)).append(" ");
                    } catch (const std::invalid_argument& e) {
                        text.append(e.what());
                    }
                }
                co_return text;
            };
            return sim.run(all());
        };
        CHECK(run(http::by_tcp()) == "/x weir::http::client: https takes the connector by_tls");
        std::string hosts;
        const auto handshake = [&](weir::tcp_stream s,
                                   std::string host) -> weir::task<weir::limited_stream<weir::tcp_stream>> {
            hosts.append(host);
            const weir::stream_limits none;
            co_return weir::limited_stream{std::move(s), none};
        };
        CHECK(run(http::by_tls(handshake)) == "/x /y ");
        CHECK(hosts == "10.0.0.1");
    }
    TEST_CASE("each request is answered once or fails, whatever happens to the connections") {
        weir::testing::simulation_options options;
        options.network.reset = 0.01;
        options.network.refuse = 0.05;
        options.network.short_transfer = 0.2;
        options.network.abort_accept = 0.02;
        std::size_t answered = 0;
        std::size_t failed = 0;
        weir::testing::for_each_seed(1000, options, [&](simulation& sim) {
            const std::size_t before = sim.descriptors();
            std::map<std::string, int> handled;
            constexpr int n = 20;
            int ended = 0;
            // The server closes connections now and then, and restarts.
            auto serve = [&]() -> weir::task<> {
                for (;;) {
                    const weir::endpoint any{"10.0.0.1", 80};
                    auto listener = co_await weir::listen(any);
                    auto answer = [&](weir::tcp_stream s) {
                        auto handler = [&](http::request& r) -> weir::task<http::response> {
                            const int times = ++handled[r.target];
                            std::string text = co_await r.text();
                            text.append(std::to_string(times));
                            if (times % 3 == 0) co_await weir::sleep_for(20ms);
                            http::response made{200, std::move(text)};
                            if (r.target.ends_with("5")) made.headers.add("Connection", "close");
                            co_return made;
                        };
                        http::server_options limits;
                        limits.idle_timeout = 15ms;
                        return http::serve(std::move(s), handler, limits);
                    };
                    auto clients = weir::accept(std::move(listener)) | weir::map_async_unordered(100, answer);
                    try {
                        auto serving = weir::with_timeout(100ms, std::move(clients) | weir::drain());
                        co_await std::move(serving);
                    } catch (const weir::timed_out&) {}
                }
            };
            auto run = [&]() -> weir::task<> {
                http::client_options few;
                few.connections_per_origin = 3;
                few.exchange.head_timeout = 5s;
                const http::client c{few};
                auto one = [&](int i) -> weir::task<> {
                    std::string target{"http://10.0.0.1/"};
                    target.append(std::to_string(i));
                    http::client_request r{i % 2 == 0 ? "PUT" : "POST", http::url{target}, "abc"};
                    try {
                        auto sending = c.send(std::move(r));
                        auto answer = co_await std::move(sending);
                        auto reading = answer.text();
                        const std::string text = co_await std::move(reading);
                        if (!text.starts_with("abc")) throw std::logic_error{"a wrong answer"};
                        ++answered;
                    } catch (const std::logic_error&) {
                        throw;
                    } catch (const std::exception&) {
                        ++failed;
                    }
                    ++ended;
                };
                co_await (weir::iota(0, n) | weir::map_async_unordered(5, one) | weir::drain());
                if (ended != n) throw std::logic_error{"a request has no result"};
                for (const auto& [target, times] : handled) {
                    const bool is_post = (target.back() - '0') % 2 == 1;
                    if (times > (is_post ? 1 : 2)) throw std::logic_error{"a request was sent too often"};
                }
            };
            {
                auto server = sim.spawn(serve());
                sim.run(run());
            }
            sim.run(weir::sleep_for(1s));
            if (sim.descriptors() != before) throw std::logic_error{"a descriptor is left open"};
        });
        CHECK(answered > 15000);
        CHECK(failed > 100);
    }
    TEST_CASE("a client adds all of its headers of one name, or none") {
        http::client_options options;
        options.headers.add("Accept", "a").add("accept", "b");
        browser b{options};
        b.get("http://a/x");
        CHECK(b.received(0) == "GET /x HTTP/1.1\r\nHost: a\r\nAccept: a\r\naccept: b\r\n\r\n");
        b.send({"GET", http::url{"http://b/x"}, {}, {{"Accept", "c"}}});
        CHECK(b.received(1) == "GET /x HTTP/1.1\r\nHost: b\r\nAccept: c\r\n\r\n");
    }
    TEST_CASE("a request that a kept connection does not take is not sent again") {
        browser b;
        b.get("http://a");
        b.answer(0, ok);
        b.wires[0].take_data(false);
        const auto n = b.send({"PUT", http::url{"http://a"}, "abc"});
        b.after(30s);
        CHECK(b.result(n) == "weir::http: write to peer: the peer has taken no data within 30s");
        CHECK(b.phase == http::request_phase::write);
        CHECK(b.wires.size() == 1);
    }
    TEST_CASE("a request that is sent once more opens no connection beyond the limit") {
        http::client_options options;
        options.connections_per_origin = 2;
        browser b{options};
        b.get("http://a");
        b.get("http://a");
        b.answer(0, ok);
        b.answer(1, ok);
        b.get("http://a"); // over connection 1
        b.get("http://a"); // over connection 0
        b.get("http://a"); // waits
        CHECK(b.wires.size() == 2);
        b.end(1); // the request that has waited opens connection 2, and the first one waits
        CHECK(b.wires.size() == 3);
        b.answer(0, ok);
        CHECK(b.wires.size() == 4);
        CHECK(b.wires[0].closed());
        CHECK_FALSE(b.wires[2].closed());
        CHECK_FALSE(b.wires[3].closed());
    }
}
