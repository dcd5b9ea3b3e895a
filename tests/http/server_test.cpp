// SPDX-License-Identifier: MIT
#include <weir/http/server.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/error.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/from_range.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "hostile.hpp"
#include "support.hpp"
#include "wire.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
using weir::testing::virtual_executor;
namespace http = weir::http;

namespace {

using handler = std::function<weir::task<http::response>(http::request&)>;

/// A connection that is served, with the client's end in the hands of the test.
class served {
public:
    template <class Handler>
    explicit served(Handler h, http::server_options options = {}) : served(std::move(h), stop_, std::move(options)) {}

    /// Sends text to the server, and returns what it has answered.
    std::string ask(std::string_view text) {
        client.send(text);
        ex.run_ready();
        return client.received();
    }
    std::string after(weir::duration d) {
        ex.advance(d);
        return client.received();
    }
    void drop() { handle_.reset(); }

    std::vector<std::string> errors;
    support::wire client;
    virtual_executor ex;
    weir::event stop_;

private:
    template <class Handler>
    served(Handler h, const weir::event& stop, http::server_options options) {
        options.date = http::date_header::omitted;
        options.on_error = [this](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                errors.emplace_back(e.what());
            }
        };
        handle_.emplace(ex.spawn(http::serve(support::wire_stream{client}, std::move(h), stop.wait(), options)));
        ex.run_ready();
    }

    std::optional<weir::join_handle<weir::task<>>> handle_;
};

weir::task<http::response> hello(http::request& r) {
    std::string text{r.method};
    text.append(" ").append(r.target);
    co_return http::response{200, std::move(text)};
}

weir::task<http::response> echo(http::request& r) {
    std::string text = co_await r.text();
    co_return http::response{200, std::move(text)};
}

weir::async_stream<std::string> parts(std::vector<std::string> all, weir::duration between) {
    for (std::string& one : all) {
        if (between != weir::duration::zero()) co_await weir::sleep_for(between);
        co_yield std::move(one);
    }
}

std::string get(std::string_view target, std::string_view more = "") {
    std::string text{"GET "};
    return text.append(target).append(" HTTP/1.1\r\nHost: a\r\n").append(more).append("\r\n");
}

std::string post(std::string_view body, std::string_view more = "") {
    std::string text{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "};
    return text.append(std::to_string(body.size())).append("\r\n").append(more).append("\r\n").append(body);
}

std::string ok(std::string_view body, std::string_view more = "") {
    std::string text{"HTTP/1.1 200 OK\r\nContent-Length: "};
    return text.append(std::to_string(body.size())).append("\r\n").append(more).append("\r\n").append(body);
}

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string chunked_post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string error_answer(unsigned status) {
    std::string line{std::to_string(status)};
    line.append(" ").append(http::reason_phrase(status));
    std::string text{"HTTP/1.1 "};
    text.append(line).append("\r\nContent-Type: text/plain\r\nContent-Length: ");
    text.append(std::to_string(line.size() + 1)).append("\r\nConnection: close\r\n\r\n").append(line).append("\n");
    return text;
}

} // namespace

TEST_SUITE("http/server") {
    TEST_CASE("the server answers requests of one connection, one after the other") {
        served s{hello};
        CHECK(s.ask(get("/1")) == ok("GET /1"));
        CHECK(s.ask(get("/2?a=b")) == ok("GET /2?a=b"));
        CHECK(s.client.writes() == 2);
        s.client.end();
        s.ex.run_ready();
        CHECK(s.client.closed());
        CHECK(s.client.shut_down());
        CHECK(s.errors.empty());
    }
    TEST_CASE("the server accepts a handler that answers at once") {
        served s{[](http::request& r) { return http::response{201, std::string{r.path()}}; }};
        CHECK(s.ask(get("/a")) == "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n/a");
    }
    TEST_CASE("pipelined requests are answered in order") {
        served s{[](http::request& r) -> weir::task<http::response> {
            if (r.target == "/slow") co_await weir::sleep_for(1s);
            co_return http::response{200, r.target};
        }};
        CHECK(s.ask(get("/1") + get("/slow") + post("abc") + get("/2")) == ok("/1"));
        CHECK(s.after(1s) == ok("/slow") + ok("/") + ok("/2"));
    }
    TEST_CASE("the server reads a request byte by byte") {
        served s{echo};
        std::string answers;
        const std::string text = chunked_post + "3\r\nabc\r\n0\r\nA: b\r\n\r\n" + post("de") + get("/");
        for (const char c : text) answers += s.ask(std::string_view{&c, 1});
        CHECK(answers == ok("abc") + ok("de") + ok(""));
    }
    TEST_CASE("a body is read only when the handler asks for it") {
        weir::event go;
        served s{[&](http::request& r) -> weir::task<http::response> {
            co_await go.wait();
            std::string text = co_await r.text();
            co_return http::response{200, std::to_string(text.size())};
        }};
        const std::string body(500'000, 'x');
        CHECK(s.ask(post(body)) == "");
        CHECK(s.client.unread() > 490'000);
        CHECK(!s.client.read_waits());
        go.set();
        CHECK(s.after(0s) == ok("500000"));
    }
    TEST_CASE("the trailers of a request are there at the end of its body") {
        served s{[](http::request& r) -> weir::task<http::response> {
            std::string text = co_await r.text();
            text.append(" ").append(r.trailers().get("Sum").value_or("none"));
            co_return http::response{200, std::move(text)};
        }};
        CHECK(s.ask(chunked_post + "3\r\nabc\r\n0\r\nSum: 7\r\n\r\n") == ok("abc 7"));
        CHECK(s.ask(chunked_post + "3\r\nabc\r\n0\r\n\r\n") == ok("abc none"));
    }
    TEST_CASE("a response of a stream is sent in chunks as its parts arrive") {
        served s{[](http::request&) { return http::response{200, parts({"ab", "", "cde"}, 1s)}; }};
        CHECK(s.ask(get("/")) == chunked_head);
        CHECK(s.after(1s) == "2\r\nab\r\n");
        CHECK(s.after(1s) == "");
        CHECK(s.after(1s) == "3\r\ncde\r\n0\r\n\r\n");
        CHECK(s.ask(get("/")) == chunked_head); // the connection is kept
    }
    TEST_CASE("the parts of a response that are ready are one write") {
        served s{[](http::request&) { return http::response{200, parts({"ab", "cde"}, 0s)}; }};
        CHECK(s.ask(get("/")) == chunked_head + "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
        CHECK(s.client.writes() == 1);
    }
    TEST_CASE("large parts are written without being gathered") {
        const std::string large(100'000, 'x');
        served s{[&](http::request& r) {
            if (r.target == "/text") return http::response{200, large};
            if (r.target == "/bytes") return http::response{200, weir::bytes{large}};
            return http::response{200, parts({"a", large, "b", large}, 0s)};
        }};
        CHECK(s.ask(get("/")) ==
              chunked_head + "1\r\na\r\n186a0\r\n" + large + "\r\n1\r\nb\r\n186a0\r\n" + large + "\r\n0\r\n\r\n");
        CHECK(s.ask(get("/text")) == ok(large));
        CHECK(s.ask(get("/bytes")) == ok(large));
    }
    TEST_CASE("a stream of a known length is sent without chunks") {
        served s{[](http::request& r) {
            return http::response{200, http::body{parts({"ab", "cde"}, 0s), r.target == "/" ? 5U : r.target.size()}};
        }};
        CHECK(s.ask(get("/")) == ok("abcde"));
        CHECK(s.ask(get("/abcde")).starts_with("HTTP/1.1 500 ")); // nothing was sent
        CHECK(s.errors ==
              std::vector<std::string>{"weir::http: the stream of a body has fewer bytes than its length, 6"});
        served t{[](http::request&) { return http::response{200, http::body{parts({"ab", "cde"}, 1s), 4}}; }};
        CHECK(t.ask(get("/")) == "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        CHECK(t.after(2s) == "ab");
        CHECK(t.client.closed());
        CHECK(t.errors ==
              std::vector<std::string>{"weir::http: the stream of a body has more bytes than its length, 4"});
    }
    TEST_CASE("trailers of a response are sent behind its chunks") {
        served s{[](http::request&) {
            http::body b{parts({"ab"}, 0s)};
            b.with_trailers([] { return http::headers{{"Sum", "7"}}; });
            return http::response{200, std::move(b)};
        }};
        CHECK(s.ask(get("/")) == chunked_head + "2\r\nab\r\n0\r\nSum: 7\r\n\r\n");
    }
    TEST_CASE("HTTP/1.0 gets neither chunks nor, unless it asks, a kept connection") {
        served s{[](http::request&) { return http::response{200, parts({"ab"}, 0s)}; }};
        CHECK(s.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
              "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
        CHECK(s.client.shut_down());
        served t{hello};
        CHECK(t.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == ok("GET /", "Connection: keep-alive\r\n"));
        CHECK(t.ask("GET / HTTP/1.0\r\n\r\n") == ok("GET /", "Connection: close\r\n"));
        CHECK(t.client.shut_down());
    }
    TEST_CASE("HEAD, 204 and 304 have no body") {
        served s{[](http::request& r) {
            if (r.target == "/stream") return http::response{200, parts({"ab"}, 0s)};
            return http::response{static_cast<unsigned>(std::stoi(r.target.substr(1))), "text"};
        }};
        CHECK(s.ask("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        CHECK(s.ask("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 200 OK\r\n\r\n");
        CHECK(s.ask(get("/204")) == "HTTP/1.1 204 No Content\r\n\r\n");
        CHECK(s.ask(get("/304")) == "HTTP/1.1 304 Not Modified\r\n\r\n");
        CHECK(s.ask(get("/200")) == ok("text"));
    }
    TEST_CASE("a server sends 100 Continue when the handler asks for the body") {
        weir::event go;
        served s{[&](http::request& r) -> weir::task<http::response> {
            co_await go.wait();
            std::string text = co_await r.text();
            co_return http::response{200, std::move(text)};
        }};
        const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        CHECK(s.ask(head) == "");
        go.set();
        CHECK(s.after(0s) == "HTTP/1.1 100 Continue\r\n\r\n");
        CHECK(s.ask("abc") == ok("abc"));
        CHECK(s.ask(head + "abc") == ok("abc")); // the body is there already
    }
    TEST_CASE("a response waits for 100 Continue to be sent") {
        served s{[](http::request& r) -> weir::task<http::response> {
            auto parts_of_body = r.body();
            try {
                co_await weir::with_timeout(1s, weir::next(parts_of_body));
            } catch (const weir::timed_out&) {}
            co_return http::response{200, "x"};
        }};
        s.client.take_data(false);
        CHECK(s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n") == "");
        CHECK(s.after(1s) == "");
        s.client.take_data(true);
        CHECK(s.after(0s) == "HTTP/1.1 100 Continue\r\n\r\n" + ok("x"));
        CHECK(s.ask("abc" + get("/")) == ok("x"));
    }
    TEST_CASE("a client that waits for 100 Continue and is not told so must not send its body") {
        served s{hello};
        CHECK(s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n") ==
              ok("POST /", "Connection: close\r\n"));
        CHECK(s.client.shut_down());
    }
    TEST_CASE("a response whose stream reads the request's body is sent while that arrives") {
        served s{[](http::request& r) { return http::response{200, r.body()}; }};
        CHECK(s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n") ==
              "HTTP/1.1 100 Continue\r\n\r\n" + chunked_head);
        CHECK(s.ask("abc") == "3\r\nabc\r\n");
        CHECK(s.ask("def" + get("/")) == "3\r\ndef\r\n0\r\n\r\n" + chunked_head + "0\r\n\r\n");
    }
    TEST_CASE("a body that was not read is skipped up to a limit") {
        served s{hello, {.max_unread = 10}};
        CHECK(s.ask(post("0123456789")) == ok("POST /"));
        CHECK(s.ask(chunked_post + "a\r\n0123456789\r\n0\r\n\r\n") == ok("POST /"));
        CHECK(s.ask(post("0123456789a")) == ok("POST /", "Connection: close\r\n"));
        CHECK(s.client.shut_down());
        served t{hello, {.max_unread = 10}};
        CHECK(t.ask(chunked_post + "b\r\n0123456789a\r\n0\r\n\r\n" + get("/")) == ok("POST /"));
        CHECK(t.client.shut_down());
    }
    TEST_CASE("the size of a body is limited, by the server and by the handler") {
        const handler limited = [](http::request& r) -> weir::task<http::response> {
            if (r.target == "/large") r.limit_body(20);
            std::string text = co_await r.text();
            co_return http::response{200, std::move(text)};
        };
        for (const std::string& request :
             {post("0123456789a"), chunked_post + "b\r\n0123456789a\r\n0\r\n\r\n",
              std::string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"}}) {
            served s{limited, {.max_body = 10}};
            CHECK(s.ask(post("0123456789")) == ok("0123456789"));
            CHECK(s.ask("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n0123456789a") ==
                  ok("0123456789a"));
            CHECK(s.ask(request) == error_answer(413));
            CHECK(s.client.shut_down());
            CHECK(s.errors == std::vector<std::string>{"weir::http: read from peer: the body has more than 10 bytes"});
        }
    }
    TEST_CASE("a handler that fails is answered with 500, without the text of its error") {
        served s{[](http::request& r) -> weir::task<http::response> {
            if (r.target == "/status") co_return http::response{42, "x"};
            if (r.target == "/length") co_return http::response{200, "x", {{"Content-Length", "1"}}};
            if (r.target == "/reason") {
                http::response bad{200};
                bad.reason = "a\r\nb";
                co_return bad;
            }
            co_await weir::sleep_for(0s);
            throw std::runtime_error{"secret"};
        }};
        std::string answer = error_answer(500);
        answer.erase(answer.find("Connection: close\r\n"), 19);
        CHECK(s.ask(get("/")) == answer);
        CHECK(s.ask(get("/status")) == answer);
        CHECK(s.ask(get("/length")) == answer);
        CHECK(s.ask(get("/reason")) == answer);
        CHECK(s.errors == std::vector<std::string>{
                              "secret", "weir::http::serve: the handler has returned a response with the status 42",
                              "weir::http::serve: the handler has returned a response with the header Content-Length, "
                              "which the server writes",
                              "weir::http::serve: the handler has returned a reason with a control character"});
        served t{[](http::request&) -> http::response { throw std::runtime_error{"at once"}; }};
        CHECK(t.ask(get("/")) == answer);
        CHECK(t.errors == std::vector<std::string>{"at once"});
    }
    TEST_CASE("a response whose stream fails is cut off") {
        served s{[](http::request&) {
            return http::response{200, parts({"ab", "cd"}, 1s) | weir::map([](std::string&& text) {
                                           if (text == "cd") throw std::runtime_error{"broken"};
                                           return std::move(text);
                                       })};
        }};
        CHECK(s.ask(get("/")) == chunked_head);
        CHECK(s.after(5s) == "2\r\nab\r\n");
        CHECK(s.client.closed());
        CHECK(s.errors == std::vector<std::string>{"broken"});
    }
    TEST_CASE("hostile requests get the answer that fits, and their connection is closed") {
        for (const auto& row : support::hostile_requests()) {
            CAPTURE(row.bytes.substr(0, 200));
            for (const bool whole : {true, false}) {
                served s{echo};
                std::string answer;
                if (whole) {
                    answer = s.ask(row.bytes);
                } else {
                    for (const auto part : support::split_every(row.bytes, 1 + row.bytes.size() / 200))
                        answer += s.ask(part);
                }
                CHECK(answer == error_answer(row.status));
                CHECK(s.client.shut_down());
                CHECK(s.errors.size() == 1);
                s.client.end();
                s.ex.run_ready();
                CHECK(s.client.closed());
            }
        }
    }
    TEST_CASE("a request behind the end of a hostile one is not served") {
        int calls = 0;
        served s{[&](http::request& r) {
            ++calls;
            return echo(r);
        }};
        s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
              get("/"));
        CHECK(calls == 0);
        served t{[&](http::request& r) {
            ++calls;
            return echo(r);
        }};
        t.ask(chunked_post + "3\r\nabcX\r\n0\r\n\r\n" + get("/"));
        CHECK(calls == 1);
    }
    TEST_CASE("a handler may catch the error of a body and answer in its own way") {
        served s{[](http::request& r) -> weir::task<http::response> {
            bool bad = false;
            try {
                co_await r.text();
            } catch (const http::bad_message&) {
                bad = true;
            }
            co_return http::response{bad ? 422U : 200U};
        }};
        CHECK(s.ask(chunked_post + "x\r\n") ==
              "HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        CHECK(s.client.shut_down());
    }
    TEST_CASE("a bad_message that comes from elsewhere is an error of the handler") {
        served s{[](http::request&) -> http::response {
            throw http::bad_message{"from another server", http::fault::chunk, 0};
        }};
        CHECK(s.ask(get("/")).starts_with("HTTP/1.1 500 "));
    }
    TEST_CASE("a head that arrives slowly is answered with 408") {
        served s{hello, {.head_timeout = 10s}};
        CHECK(s.ask(get("/")) == ok("GET /"));
        CHECK(s.after(30s) == ""); // idle
        CHECK(s.ask("GET / HT") == "");
        CHECK(s.after(6s) == "");
        CHECK(s.ask("TP/1.1\r\nHo") == "");
        CHECK(s.after(3s) == "");
        CHECK(s.after(1s) == error_answer(408));
        CHECK(s.client.shut_down());
        CHECK(s.errors == std::vector<std::string>{"weir::http: read from peer: no whole head within 10s"});
    }
    TEST_CASE("a connection without a request is closed after a time, without an answer") {
        served s{hello, {.head_timeout = 10s, .idle_timeout = 60s}};
        CHECK(s.after(9s) == "");
        CHECK(!s.client.shut_down());
        CHECK(s.after(1s) == "");
        CHECK(s.client.shut_down());
        served t{hello, {.head_timeout = 10s, .idle_timeout = 60s}};
        CHECK(t.ask(get("/")) == ok("GET /"));
        CHECK(t.after(59s) == "");
        CHECK(!t.client.shut_down());
        CHECK(t.after(1s) == "");
        CHECK(t.client.shut_down());
        CHECK(t.after(1s) == "");
        CHECK(t.client.closed());
        CHECK(t.errors.empty());
    }
    TEST_CASE("a body that stops arriving is answered with 408") {
        served s{echo, {.body_timeout = 10s, .min_body_rate = 0}};
        CHECK(s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na") == "");
        CHECK(s.after(9s) == "");
        CHECK(s.ask("b") == "");
        CHECK(s.after(9s) == "");
        CHECK(s.after(1s) == error_answer(408));
        CHECK(s.errors == std::vector<std::string>{"weir::http: read from peer: no more of the body within 10s"});
    }
    TEST_CASE("a client that takes no data loses its connection") {
        served s{hello, {.write_timeout = 10s}};
        s.client.take_data(false);
        CHECK(s.ask(get("/")) == "");
        CHECK(s.after(9s) == "");
        CHECK(!s.client.closed());
        CHECK(s.after(1s) == "");
        CHECK(s.client.closed());
        CHECK(s.errors == std::vector<std::string>{"weir::http: write to peer: the peer has taken no data within 10s"});
    }
    TEST_CASE("a handler may take any time") {
        served s{[](http::request&) -> weir::task<http::response> {
            co_await weir::sleep_for(1h);
            co_return http::response{200, "late"};
        }};
        s.ask(get("/"));
        CHECK(s.after(1h) == ok("late"));
    }
    TEST_CASE("the stop closes an idle connection, and one with a request after its answer") {
        served idle{hello};
        idle.ask(get("/"));
        idle.stop_.set();
        idle.ex.run_ready();
        CHECK(idle.client.shut_down());

        served busy{[](http::request&) -> weir::task<http::response> {
            co_await weir::sleep_for(1s);
            co_return http::response{200, "done"};
        }};
        busy.ask(get("/"));
        busy.stop_.set();
        CHECK(busy.after(0s) == "");
        CHECK(!busy.client.shut_down());
        CHECK(busy.after(1s) == ok("done", "Connection: close\r\n"));
        CHECK(busy.client.shut_down());

        served begun{hello};
        begun.ask("GET / HTTP/1.1\r\nHo");
        begun.stop_.set();
        CHECK(begun.after(0s) == "");
        CHECK(begun.ask("st: a\r\n\r\n") == ok("GET /", "Connection: close\r\n"));
        CHECK(begun.client.shut_down());
    }
    TEST_CASE("a std::stop_token stops the server too") {
        support::wire client;
        virtual_executor ex;
        std::stop_source source;
        const auto handle = ex.spawn(http::serve(support::wire_stream{client}, hello, source.get_token()));
        ex.run_ready();
        CHECK(!client.shut_down());
        source.request_stop();
        ex.run_until_idle();
        CHECK(client.shut_down());
    }
    TEST_CASE("a response or a request with Connection: close ends the connection") {
        served s{[](http::request&) { return http::response{200, "x", {{"Connection", "close"}}}; }};
        CHECK(s.ask(get("/") + get("/")) == "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
        CHECK(s.client.shut_down());
        served t{hello};
        CHECK(t.ask(get("/", "Connection: close\r\n")) == ok("GET /", "Connection: close\r\n"));
        CHECK(t.client.shut_down());
    }
    TEST_CASE("a closed connection is read to its end for a while, so that the client gets the answer") {
        served s{hello};
        s.ask("GARBAGE\r\n");
        CHECK(s.client.shut_down());
        CHECK(!s.client.closed());
        s.ask("more garbage");
        CHECK(s.client.unread() == 0);
        s.client.end();
        s.ex.run_ready();
        CHECK(s.client.closed());
        served t{hello};
        t.ask("GARBAGE\r\n");
        t.ask(std::string(1'000'000, 'x'));
        CHECK(t.client.closed());
        served u{hello};
        u.ask("GARBAGE\r\n");
        u.after(1s);
        CHECK(u.client.closed());
    }
    TEST_CASE("a connection that ends within a request is reported") {
        served s{hello};
        s.ask("GET / HTTP/1.1\r\n");
        s.client.end();
        CHECK(s.after(0s) == "");
        CHECK(s.errors == std::vector<std::string>{
                              "weir::http: read from peer: byte 16: the connection has ended within a message"});
        served t{echo};
        t.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
        t.client.end();
        CHECK(t.after(0s) == error_answer(400));
        CHECK(t.client.closed());
    }
    TEST_CASE("a connection that is reset is reported once") {
        for (const std::string& text : {std::string{"GET"}, get("/"), chunked_post + "3\r\nabc\r\n"}) {
            served s{echo};
            s.ask(text);
            s.client.reset();
            CHECK(s.after(0s) == "");
            CHECK(s.client.closed());
            CHECK(s.errors == std::vector<std::string>{"read peer: Connection reset by peer"});
        }
    }
    TEST_CASE("a body beyond max_body that the handler does not ask for is skipped like others") {
        served s{hello, {.max_body = 5, .max_unread = 10}};
        CHECK(s.ask(post("0123456789")) == ok("POST /"));
        CHECK(s.ask(get("/")) == ok("GET /"));
        CHECK(s.errors.empty());
    }
    TEST_CASE("headers of a request set the locals of its handler") {
        served s{[](http::request&) -> weir::task<http::response> {
            co_await weir::sleep_for(0s);
            co_return http::response{200, http::traceparent.value_or("-") + " " + http::request_id.value_or("-")};
        }};
        const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        CHECK(s.ask(get("/")) == ok("- -"));
        CHECK(s.ask(get("/", "X-Request-Id: r-1\r\n")) == ok("- r-1"));
        CHECK(s.ask(get("/", "traceparent: " + parent + "\r\n")) == ok(parent + " -"));
        CHECK(s.ask(get("/", "traceparent: " + parent + "\r\nX-Request-Id: r-1\r\n")) == ok(parent + " r-1"));
        CHECK(s.ask(get("/", "traceparent: 00-x-y-01\r\nX-Request-Id: a b\r\n")) == ok("- -"));
    }
    TEST_CASE("a response has a Date unless it has one already") {
        support::wire client;
        virtual_executor ex;
        const auto answer = [](http::request& r) {
            return r.target == "/" ? http::response{200} : http::response{200, {}, {{"Date", "today"}}};
        };
        const auto handle = ex.spawn(http::serve(support::wire_stream{client}, answer));
        client.send(get("/"));
        ex.run_ready();
        const std::string dated = client.received();
        const std::size_t at = dated.find("Date: ");
        REQUIRE(at != dated.npos);
        const std::string date = dated.substr(at, dated.find("\r\n", at) - at);
        CHECK(date.size() == 35);
        CHECK(date.ends_with(" GMT"));
        CHECK(date[9] == ',');
        client.send(get("/2"));
        ex.run_ready();
        CHECK(client.received() == "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\n\r\n");
    }
    TEST_CASE("a request costs no allocation beside those of its handler") {
        if (!WEIR_POOL_FRAMES) return;
        support::wire client;
        virtual_executor ex;
        const auto handle = ex.spawn(http::serve(support::wire_stream{client}, hello));
        const std::string request = post("0123456789", "A: b\r\nAccept: text/html, */*\r\nUser-Agent: test\r\n");
        const auto run = [&](int n) {
            for (int i = 0; i < n; ++i) {
                client.forget();
                client.send(request);
                ex.run_ready();
            }
            CHECK(client.writes() > 0);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }
    TEST_CASE("a handler is dropped when its client closes the connection") {
        for (const bool resets : {false, true}) {
            bool dropped = false;
            struct note {
                bool* to;
                ~note() { *to = true; }
            };
            served s{[&](http::request& r) -> weir::task<http::response> {
                std::string text = co_await r.text();
                const note at_end{&dropped};
                co_await weir::sleep_for(1h);
                co_return http::response{200, std::move(text)};
            }};
            s.ask(post("abc"));
            s.ex.advance(30min); // no time limit runs
            CHECK_FALSE(s.client.closed());
            if (resets) {
                s.client.reset();
            } else {
                s.client.end();
            }
            s.ex.run_ready();
            CHECK(dropped);
            CHECK(s.client.closed());
            CHECK(s.client.received() == "");
            CHECK(s.errors.size() == (resets ? 1 : 0));
        }
    }
    TEST_CASE("a client that ends its side only is answered where the options say so") {
        const auto slow = [](http::request&) -> weir::task<http::response> {
            co_await weir::sleep_for(1s);
            co_return http::response{200, "late"};
        };
        http::server_options options;
        options.half_close = http::half_close::answered;
        served s{slow, options};
        s.ask(get("/"));
        s.client.end();
        CHECK(s.after(1s) == ok("late"));
        CHECK(s.client.closed());

        served at_once{hello}; // it has its answer before the end is seen
        at_once.client.send(get("/1"));
        at_once.client.end();
        at_once.ex.run_ready();
        CHECK(at_once.client.received() == ok("GET /1"));
    }
    TEST_CASE("a request that arrives while a handler works is served next, however it is split") {
        served s{[](http::request& r) -> weir::task<http::response> {
            co_await weir::sleep_for(1s);
            std::string text = co_await r.text();
            co_return http::response{200, r.target + text};
        }};
        s.ask(get("/1"));
        const std::string second = post("body");
        for (const char c : second) CHECK(s.ask(std::string_view{&c, 1}) == "");
        CHECK(s.after(1s) == ok("/1"));
        CHECK(s.after(1s) == ok("/body"));
        CHECK(s.ask(get("/3")) == "");
        CHECK(s.after(1s) == ok("/3"));
        s.ex.advance(59s);
        CHECK_FALSE(s.client.shut_down());
        s.ex.advance(1s); // idle_timeout
        CHECK(s.client.shut_down());
    }
    TEST_CASE("a body that trickles is refused when it is slower than the least rate") {
        http::server_options options;
        options.min_body_rate = 100;
        const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n";
        const auto trickled = [&](std::size_t each, const http::server_options& limits) {
            served s{echo, limits};
            std::string answer = s.ask(head);
            int seconds = 0;
            for (; answer.empty() && seconds != 200; ++seconds) {
                s.ex.advance(1s);
                answer = s.ask(std::string(each, 'x'));
            }
            CHECK(s.errors.size() <= 1);
            if (!s.errors.empty())
                CHECK(s.errors[0].starts_with(
                    "weir::http: read from peer: fewer than 100 bytes per second of the body within "));
            return std::to_string(seconds) + " " + answer.substr(9, 3);
        };
        CHECK(trickled(1, options) == "31 408");
        CHECK(trickled(50, options) == "59 408");
        CHECK(trickled(100, options) == "100 200");
        options.min_body_rate = 0;
        CHECK(trickled(60, options) == "167 200");
    }
    TEST_CASE("the least rate of a body does not count the time that the handler takes") {
        http::server_options options;
        options.min_body_rate = 100;
        served s{[](http::request& r) -> weir::task<http::response> {
                     auto body = r.body();
                     std::size_t size = 0;
                     while (const auto part = co_await weir::next(body)) {
                         size += part->size();
                         co_await weir::sleep_for(100s);
                     }
                     co_return http::response{200, std::to_string(size)};
                 },
                 options};
        s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n");
        for (int i = 0; i != 3; ++i) {
            CHECK(s.ask("0123456789") == "");
            s.ex.advance(100s);
        }
        CHECK(s.client.received() == ok("30"));
    }
    TEST_CASE("options that make no sense are refused") {
        support::wire client;
        const auto with = [&](const http::server_options& options) {
            static_cast<void>(http::serve(support::wire_stream{client}, hello, options));
        };
        CHECK_THROWS_AS(with({.head_timeout = 0s}), std::invalid_argument);
        CHECK_THROWS_AS(with({.body_timeout = 0s}), std::invalid_argument);
        CHECK_THROWS_AS(with({.write_timeout = 0s}), std::invalid_argument);
        CHECK_THROWS_AS(with({.idle_timeout = -1s}), std::invalid_argument);
    }
    TEST_CASE("a server may be dropped at every suspension") {
        const std::string text =
            get("/") + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        const auto steps = [&](served& s, std::size_t most) {
            std::size_t done = 0;
            const auto step = [&](auto&& f) {
                if (done == most) return false;
                ++done;
                f();
                s.ex.run_ready();
                return true;
            };
            bool more = true;
            for (const auto part : support::split_every(text, 20)) more = more && step([&] { s.client.send(part); });
            more = more && step([&] { s.client.take_data(false); });
            more = more && step([&] { s.client.send("a"); });
            more = more && step([&] { s.client.send("bc"); });
            more = more && step([&] { s.ex.advance(1s); });
            more = more && step([&] { s.client.take_data(true); });
            more = more && step([&] { s.ex.advance(1s); });
            more = more && step([&] { s.client.send("x"); });
            more = more && step([&] { s.client.send("GARBAGE\r\n"); });
            return done;
        };
        for (std::size_t most = 0;; ++most) {
            served s{[](http::request& r) -> weir::task<http::response> {
                std::string all = co_await r.text();
                co_await weir::sleep_for(1s);
                co_return http::response{200, parts({std::move(all), "end"}, 100ms)};
            }};
            const std::size_t done = steps(s, most);
            s.drop();
            CHECK(s.client.closed());
            s.ex.run_until_idle();
            if (done < most) break;
        }
    }
    TEST_CASE("a handler may drop its own server") {
        std::optional<weir::join_handle<weir::task<>>> handle;
        support::wire client;
        virtual_executor ex;
        const auto dropping = [&](http::request&) -> weir::task<http::response> {
            handle.reset();
            co_await weir::sleep_for(0s);
            co_return http::response{200};
        };
        handle.emplace(ex.spawn(http::serve(support::wire_stream{client}, dropping)));
        client.send(get("/"));
        ex.run_until_idle();
        CHECK(client.closed());
        CHECK(client.received() == "");

        support::wire other;
        const auto stream_drops = [&](http::request&) {
            return http::response{200, parts({"a", "b", "c"}, 0s) | weir::map([&](std::string&& part) {
                                           if (part == "b") handle.reset();
                                           return std::move(part);
                                       })};
        };
        handle.emplace(ex.spawn(http::serve(support::wire_stream{other}, stream_drops)));
        other.send(get("/"));
        ex.run_until_idle();
        CHECK(other.closed());
        CHECK(other.received() == "");
    }
    TEST_CASE("a server of many connections drains at the stop, over a network that splits bytes anywhere") {
        weir::testing::for_each_seed(
            20, {.network = {.longest_latency = 1ms, .short_transfer = 0.5}}, [](simulation& sim) {
                const weir::endpoint at{"10.0.0.1", 80};
                weir::event stop;
                const auto serve_all = [](weir::tcp_listener listener, const weir::event& until) -> weir::task<> {
                    const auto connection = [](weir::tcp_stream client, const weir::server_stop& stopped) {
                        return http::serve(std::move(client), echo, stopped.requested(),
                                           {.date = http::date_header::omitted});
                    };
                    co_await (weir::accept(std::move(listener)) | weir::serve(connection, until.wait()));
                };
                const auto client = [](weir::endpoint to) -> weir::task<std::string> {
                    auto s = co_await weir::tcp_connect(to);
                    const std::string text = post("abc") + chunked_post + "4\r\ndefg\r\n0\r\n\r\n" + get("/x");
                    co_await s.write(text);
                    std::string answers;
                    std::array<char, 100> buffer{};
                    const std::string wanted = ok("abc") + ok("defg") + ok("");
                    while (answers.size() < wanted.size()) {
                        const std::size_t size = co_await s.read(buffer);
                        if (size == 0) break;
                        answers.append(buffer.data(), size);
                    }
                    CHECK(answers == wanted);
                    while (co_await s.read(buffer) != 0) {} // until the server stops
                    co_return answers;
                };
                const auto ask_all = [&]() -> weir::task<> {
                    auto three = weir::when_all(client(at), client(at), client(at), [](weir::event& e) -> weir::task<> {
                        co_await weir::sleep_for(1s);
                        e.set();
                    }(stop));
                    co_await three;
                };
                auto serving = sim.spawn(serve_all(sim.run(weir::listen(at)), stop));
                sim.run(ask_all());
                sim.run(std::move(serving));
                CHECK(sim.descriptors() == 0);
            });
    }
    TEST_CASE("on_error or the trailers of a response may drop their server, which sends nothing afterwards") {
        std::optional<weir::join_handle<weir::task<>>> handle;
        const auto sent = [&](auto handler, std::string_view request) {
            support::wire client;
            virtual_executor ex;
            http::server_options options;
            options.on_error = [&](const std::exception_ptr&) { handle.reset(); };
            handle.emplace(ex.spawn(http::serve(support::wire_stream{client}, handler, options)));
            client.send(request);
            ex.advance(60s);
            CHECK(client.closed());
            return client.received();
        };
        const auto throws = [](http::request&) -> http::response { throw std::runtime_error{"x"}; };
        const auto fails = [](http::request&) {
            return http::response{200, parts({"a", "b"}, 0s) | weir::map([](std::string&& part) {
                                           if (part == "b") throw std::runtime_error{"x"};
                                           return std::move(part);
                                       })};
        };
        const auto has_trailers = [&](http::request&) {
            http::body content{parts({"a"}, 0s)};
            content.with_trailers([&] {
                handle.reset();
                return http::headers{};
            });
            return http::response{200, std::move(content)};
        };
        CHECK(sent(throws, get("/")) == "");
        CHECK(sent(fails, get("/")) == "");
        CHECK(sent(has_trailers, get("/")) == "");
        CHECK(sent(hello, "GET / HT TP/1.1\r\n") == "");
        CHECK(sent(hello, "GET / HT") == "");

        CHECK(sent(echo, chunked_post + "zz") == "");
    }
    TEST_CASE("the answer to a slow head has a body although the request before was HEAD") {
        served s{hello};
        s.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        s.ask("GET / HT");
        CHECK(s.after(10s) == error_answer(408));
    }
    TEST_CASE("a response from elsewhere that is passed on gets the server's version") {
        served s{[](http::request&) {
            http::response r{200, parts({"a"}, 0s)};
            r.version = http::version::http_1_0;
            return r;
        }};
        CHECK(s.ask(get("/")) == chunked_head + "1\r\na\r\n0\r\n\r\n");
    }
    TEST_CASE("a server that closes a connection says so, whatever the handler has written") {
        const auto keeps = [](http::request&) { return http::response{200, "a", {{"Connection", "keep-alive"}}}; };
        served s{keeps};
        CHECK(s.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
              "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na");
        CHECK(s.ask(get("/", "Connection: close\r\n")) == ok("a", "Connection: close\r\n"));
        CHECK(s.client.shut_down());
    }
    TEST_CASE("a server may skip any number of bytes that a handler has not read") {
        http::server_options options;
        options.max_unread = std::numeric_limits<std::uint64_t>::max();
        const auto reads_some = [](http::request& r) -> weir::task<http::response> {
            auto body = r.body();
            co_await weir::next(body);
            co_return http::response{200, "a"};
        };
        served s{reads_some, options};
        CHECK(s.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nabcde") == ok("a"));
    }
    TEST_CASE("trailers that would change the framing are refused") {
        served s{[](http::request&) {
            http::body content{parts({"a"}, 0s)};
            content.with_trailers([] { return http::headers{{"X", "1"}, {"content-length", "5"}}; });
            return http::response{200, std::move(content)};
        }};
        CHECK(s.ask(get("/")).starts_with("HTTP/1.1 500 "));
        CHECK(s.errors == std::vector<std::string>{"weir::http: a trailer of a body must be a header: content-length"});
    }
}
