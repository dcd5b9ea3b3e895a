// SPDX-License-Identifier: MIT
#include <weir/http/exchange.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/error.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support.hpp"
#include "wire.hpp"

using namespace std::chrono_literals;
using weir::testing::virtual_executor;
namespace http = weir::http;

namespace {

http::client_request get(std::string_view method = "GET") {
    return {std::string{method}, http::url{"http://a.test/b?c"}};
}
http::client_request post(http::body content) { return {"POST", http::url{"http://a.test/b"}, std::move(content)}; }

/// An exchange whose server is the test.
class exchanged {
public:
    explicit exchanged(http::client_request r = get(), http::exchange_options options = {}) {
        handle_.emplace(ex.spawn(run(std::move(r), std::move(options))));
        ex.run_ready();
    }

    /// Sends text to the client, and returns what the client has sent.
    std::string answer(std::string_view text) {
        server.send(text);
        ex.run_ready();
        return server.received();
    }
    void end() {
        server.end();
        ex.run_ready();
    }
    std::string after(weir::duration d) {
        ex.advance(d);
        return server.received();
    }
    /// Lets the client read the body.
    exchanged& read() {
        reads_.set();
        ex.run_ready();
        return *this;
    }
    void drop() { handle_.reset(); }

    support::wire server;
    virtual_executor ex;
    std::string head; // of the response
    std::string body;
    std::string trailers;
    std::string error;
    std::optional<http::fault> fault;
    std::optional<http::request_phase> phase;
    bool ended = false;

private:
    weir::task<> run(http::client_request r, http::exchange_options options) {
        try {
            auto exchanging = http::exchange(support::wire_stream{server}, std::move(r), std::move(options));
            auto answer = co_await std::move(exchanging);
            head = std::to_string(answer.status);
            head.append(" ").append(answer.reason);
            support::append(head, answer.headers);
            co_await reads_.wait();
            auto reading = answer.body() | weir::for_each([&](const weir::bytes& part) { body.append(part.view()); });
            co_await std::move(reading);
            support::append(trailers, answer.trailers());
            ended = true;
        } catch (const http::bad_message& e) {
            fault = e.reason();
            error = e.what();
        } catch (const http::request_timed_out& e) {
            phase = e.phase();
            error = e.what();
        } catch (const std::exception& e) {
            error = e.what();
        }
    }

    weir::event reads_;
    std::optional<weir::join_handle<weir::task<>>> handle_;
};

/// What a client makes of the bytes of a server, which are sent in these parts, and then the end.
std::string outcome(const std::vector<std::string_view>& parts, std::string_view method = "GET") {
    exchanged e{get(method)};
    e.read();
    for (const std::string_view part : parts) e.answer(part);
    e.end();
    std::string text{"["};
    text.append(e.head).append("] ").append(e.body).append(e.trailers);
    return text.append(e.ended ? " end" : " failed: ").append(e.error);
}

std::string outcome_split(std::string_view text, std::string_view method = "GET") {
    const std::string whole = outcome({text}, method);
    for (std::size_t at = 1; at < text.size(); ++at) {
        INFO(at);
        CHECK(outcome({text.substr(0, at), text.substr(at)}, method) == whole);
    }
    CHECK(outcome(support::split_every(text, 1), method) == whole);
    return whole;
}

weir::async_stream<std::string> parts(std::vector<std::string> all, weir::duration between = 0s) {
    for (std::string& one : all) {
        if (between != 0s) co_await weir::sleep_for(between);
        co_yield std::move(one);
    }
}
weir::async_stream<std::string> failing() {
    co_yield std::string(100, 'x');
    throw std::runtime_error{"no more"};
}

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

} // namespace

TEST_SUITE("http/exchange") {
    TEST_CASE("an exchange writes a request without a body at once") {
        CHECK(exchanged{}.server.received() == "GET /b?c HTTP/1.1\r\nHost: a.test\r\n\r\n");
        CHECK(exchanged{get("HEAD")}.server.received() == "HEAD /b?c HTTP/1.1\r\nHost: a.test\r\n\r\n");
        CHECK(exchanged{post({})}.server.received() == "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        http::client_request r{"GET", http::url{"https://[::1]:8443"}, {}, {{"Accept", "*/*"}}};
        CHECK(exchanged{std::move(r)}.server.received() == "GET / HTTP/1.1\r\nHost: [::1]:8443\r\nAccept: */*\r\n\r\n");
        http::client_request other{"GET", http::url{"http://a"}, {}, {{"host", "b"}}};
        CHECK(exchanged{std::move(other)}.server.received() == "GET / HTTP/1.1\r\nhost: b\r\n\r\n");
    }
    TEST_CASE("an exchange writes a small request with its body in one write") {
        exchanged e{post("abc")};
        CHECK(e.server.received() == "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc");
        CHECK(e.server.writes() == 1);
    }
    TEST_CASE("an exchange writes a stream in chunks, or with the length that it was given") {
        CHECK(exchanged{post(parts({"abc", "", "d"}))}.server.received() ==
              "POST /b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n");
        http::body sized{parts({"abc", "d"}), 4};
        CHECK(exchanged{post(std::move(sized))}.server.received() ==
              "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nabcd");
        http::body wrong{parts({"abc", "d"}), 5};
        CHECK(exchanged{post(std::move(wrong))}.error ==
              "weir::http: the stream of a body has fewer bytes than its length, 5");
    }
    TEST_CASE("an exchange refuses requests that it cannot send") {
        const auto error = [](http::client_request r) { return exchanged{std::move(r)}.error; };
        CHECK(error(get("A B")).find("method") != std::string::npos);
        CHECK(error(get("CONNECT")) == "weir::http: a request to a.test: the method CONNECT");
        const http::url at{"http://a.test"};
        CHECK(error({"GET", at, {}, {{"content-length", "1"}}}) ==
              "weir::http: a request to a.test: the header Content-Length is the library's");
        CHECK(error({"GET", at, {}, {{"Transfer-Encoding", "chunked"}}}) ==
              "weir::http: a request to a.test: the header Transfer-Encoding is the library's");
        CHECK(error({"GET", at, {}, {{"Upgrade", "h2c"}}}) == "weir::http: a request to a.test: the header Upgrade");
        CHECK(error({"GET", at, {}, {{"Expect", "100-continue"}}}) ==
              "weir::http: a request to a.test: the header Expect is written for expect_continue::yes");
        http::exchange_options options;
        options.head_timeout = 0s;
        CHECK(exchanged{get(), options}.error ==
              "weir::http::exchange(stream, request, options): head_timeout must be positive");
    }
    TEST_CASE("an exchange reads odd responses the same however they are split") {
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") ==
              "[200 OK Content-Length=<5>] hello end");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
                            "u\r\n\r\n") == "[200 OK Transfer-Encoding=<chunked>] abcde T=<u> end");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\n\r\nuntil the end") == "[200 OK] until the end end");
        CHECK(outcome_split("HTTP/1.0 200 OK\r\n\r\n") == "[200 OK]  end");
        CHECK(outcome_split("HTTP/1.1 204 No Content\r\n\r\n") == "[204 No Content]  end");
        CHECK(outcome_split("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n") ==
              "[304 Not Modified Content-Length=<9>]  end");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD") ==
              "[200 OK Content-Length=<9>]  end");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD") ==
              "[200 OK Transfer-Encoding=<chunked>]  end");
        CHECK(outcome_split("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
                            "OK\r\nContent-Length: 1\r\n\r\nx") == "[200 OK Content-Length=<1>] x end");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "[200 OK Content-Length=<0>]  end");
    }
    TEST_CASE("an exchange names what is wrong with a response") {
        const std::string from = "weir::http: read from peer: ";
        CHECK(outcome({}) == "[]  failed: " + from + "the connection has ended before a response");
        CHECK(outcome_split("HTTP/1.1 20") ==
              "[]  failed: " + from + "byte 11: the connection has ended within a message");
        CHECK(outcome_split("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel") ==
              "[200 OK Content-Length=<5>] hel failed: " + from + "byte 41: the connection has ended within a message");
        CHECK(outcome({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"})
                  .ends_with("the connection has ended within a message"));
        CHECK(outcome({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"})
                  .ends_with("the connection has ended within a message"));
        CHECK(outcome({"HTTP/1.1 100 Continue\r\n\r\n"}) ==
              "[]  failed: " + from + "the connection has ended before a response");
        CHECK(outcome({"HTTP/1.1 101 Switching Protocols\r\n\r\n"}) ==
              "[]  failed: " + from + "101 Switching Protocols, which was not asked for");
        CHECK(outcome({"SSH-2.0-OpenSSH_9.2\r\n"}).starts_with("[]  failed: " + from + "byte 0: "));
        CHECK(outcome({"HTTP/2 200\r\n\r\n"}).starts_with("[]  failed: "));
    }
    TEST_CASE("an exchange reads nothing from the peer that is not asked for") {
        exchanged e;
        const std::string much(10 << 20, 'x');
        e.answer("HTTP/1.1 200 OK\r\n\r\n");
        e.server.send(much);
        e.ex.run_ready();
        CHECK(e.head == "200 OK");
        CHECK(e.body == "");
        CHECK(e.server.unread() >= much.size());
        CHECK_FALSE(e.server.read_waits());
        e.read();
        CHECK(e.body == much);
        e.end();
        CHECK(e.ended);
        CHECK(e.server.closed());
    }
    TEST_CASE("an exchange fails when the body is larger than its limit") {
        http::exchange_options options;
        options.max_body = 3;
        const std::string error = "weir::http: read from peer: the body has more than 3 bytes";
        exchanged known{get(), options};
        known.read().answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
        CHECK(known.error == error);
        CHECK(known.body == "");
        exchanged unknown{get(), options};
        unknown.read().answer("HTTP/1.1 200 OK\r\n\r\nab");
        unknown.answer("cd");
        CHECK(unknown.body == "ab");
        CHECK(unknown.error == error);
        exchanged fits{get(), options};
        fits.read().answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        CHECK(fits.ended);
    }
    TEST_CASE("a request that expects 100 Continue sends its body when it may") {
        const std::string head =
            "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        const auto request = [] {
            http::client_request r = post("abc");
            r.expect = http::expect_continue::yes;
            return r;
        };
        exchanged agreed{request()};
        CHECK(agreed.server.received() == head);
        CHECK(agreed.answer("HTTP/1.1 100 Continue\r\n\r\n") == "abc");
        agreed.read().answer(ok);
        CHECK(agreed.body == "ok");

        exchanged silent{request()};
        CHECK(silent.after(999ms) == head);
        CHECK(silent.after(1ms) == "abc");

        exchanged refused{request()};
        CHECK(refused.server.received() == head);
        CHECK(refused.answer("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n") == "");
        CHECK(refused.head == "413 Content Too Large Content-Length=<0>");
        CHECK(refused.after(10s) == "");

        http::client_request streamed = post(parts({"ab", "c"}));
        streamed.expect = http::expect_continue::yes;
        exchanged s{std::move(streamed)};
        CHECK(s.server.received() ==
              "POST /b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
        CHECK(s.answer("HTTP/1.1 100 Continue\r\n\r\n") == "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    }
    TEST_CASE("a response may arrive before the request was sent, which is sent while the response is read") {
        exchanged e{post(parts({"a", "b", "c"}, 1s))};
        CHECK(e.server.received() == "POST /b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
        CHECK(e.after(1s) == "1\r\na\r\n");
        e.answer("HTTP/1.1 200 OK\r\n\r\nx");
        CHECK(e.head == "200 OK");
        e.read();
        CHECK(e.body == "x");
        CHECK(e.after(1s) == "1\r\nb\r\n");
        CHECK(e.after(1s) == "1\r\nc\r\n0\r\n\r\n");
        e.end();
        CHECK(e.ended);
    }
    TEST_CASE("a body of a request that fails ends the exchange") {
        exchanged e{post(failing())};
        CHECK(e.error == "no more");
        CHECK(e.server.closed());
    }
    TEST_CASE("an exchange has a time limit for each phase") {
        http::exchange_options options;
        options.write_timeout = 2s;
        options.head_timeout = 3s;
        options.body_timeout = 4s;
        exchanged head{get(), options};
        head.after(2999ms);
        CHECK(head.error == "");
        head.answer("HTTP/1.1 200 OK\r\n");
        head.after(1ms);
        CHECK(head.error == "weir::http: read from peer: no head of a response within 3s");
        CHECK(head.phase == http::request_phase::head);

        exchanged body{get(), options};
        body.answer("HTTP/1.1 200 OK\r\n\r\n");
        body.after(1min); // nothing is asked for
        CHECK(body.error == "");
        body.read();
        body.after(3s);
        body.answer("x");
        body.after(3999ms);
        CHECK(body.error == "");
        body.after(1ms);
        CHECK(body.error == "weir::http: read from peer: no more of the body within 4s");
        CHECK(body.phase == http::request_phase::body);
        CHECK(body.body == "x");

        support::wire stuck;
        virtual_executor ex;
        stuck.take_data(false);
        auto sending = ex.spawn(http::exchange(support::wire_stream{stuck}, get(), options));
        ex.run_ready();
        ex.advance(2s);
        CHECK_THROWS_WITH(ex.run(std::move(sending)),
                          "weir::http: write to peer: the peer has taken no data within 2s");
    }
    TEST_CASE("the interim responses are shown to a function") {
        http::exchange_options options;
        std::string seen;
        options.on_interim = [&](const http::response_head& h) {
            seen.append(std::to_string(h.status));
            support::append(seen, h.headers);
        };
        exchanged e{get(), options};
        e.answer("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        CHECK(seen == "102103 Link=<</a>>");
    }
    TEST_CASE("an exchange that is dropped closes its connection, wherever it waits") {
        const std::string_view response = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for (std::size_t n = 0; n != response.size(); ++n) {
            http::client_request r = post(parts({"a", "b"}));
            r.expect = http::expect_continue::yes;
            exchanged e{std::move(r)};
            e.read().answer(response.substr(0, n));
            CHECK_FALSE(e.server.closed());
            e.drop();
            CHECK(e.server.closed());
        }
        exchanged blocked{post(parts({"a", "b"}, 1s))};
        blocked.server.take_data(false);
        blocked.after(1s);
        blocked.drop();
        CHECK(blocked.server.closed());
    }
}
