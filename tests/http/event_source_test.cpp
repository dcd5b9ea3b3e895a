// SPDX-License-Identifier: MIT
#include <weir/http/event_source.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/http/detail/event_parser.hpp>
#include <weir/http/error.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "wire.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
namespace http = weir::http;

namespace {

std::string shown(const http::event& e) {
    std::string text{"["};
    if (!e.type.empty()) text.append(e.type).append("!");
    text.append(e.data);
    if (e.id) text.append(" id=").append(*e.id);
    if (e.retry_after)
        text.append(" retry=").append(
            std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*e.retry_after).count()));
    return text.append("]");
}

/// The events of a text that is parsed in parts of up to `longest` bytes, or the error.
template <class Size>
std::string parsed(std::string_view text, Size longest, const http::event_limits& limits = {}) {
    http::detail::event_parser p{"peer", limits};
    std::string result;
    try {
        while (!text.empty()) {
            const std::string part{text.substr(0, longest())};
            text.remove_prefix(part.size());
            std::span<const char> input{part};
            while (p.next(input)) result.append(shown(p.take()));
            CHECK(input.empty());
        }
    } catch (const http::message_too_large& e) {
        result.append(e.what());
    }
    return result;
}

std::string whole(std::string_view text, const http::event_limits& limits = {}) {
    const std::string result = parsed(text, [] { return std::size_t{1} << 30; }, limits);
    CHECK(parsed(text, [] { return std::size_t{1}; }, limits) == result);
    return result;
}

/// The same, written down from the standard, for a text that is there as a whole.
std::string model(std::string text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    std::string lines;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (text[i] == '\r') {
            lines += '\n';
            if (i + 1 != text.size() && text[i + 1] == '\n') ++i;
        } else {
            lines += text[i];
        }
    }
    std::string result;
    std::string data;
    std::string type;
    std::string retry;
    std::optional<std::string> id;
    while (lines.find('\n') != lines.npos) {
        const std::string line = lines.substr(0, lines.find('\n'));
        lines.erase(0, line.size() + 1);
        if (line.empty()) {
            if (!data.empty()) {
                result.append("[").append(type).append(type.empty() ? "" : "!");
                result.append(data.substr(0, data.size() - 1));
                if (id) result.append(" id=").append(*id);
                if (!retry.empty()) result.append(" retry=").append(retry);
                result.append("]");
            }
            data.clear();
            type.clear();
            retry.clear();
            continue;
        }
        const std::string name = line.substr(0, line.find(':'));
        std::string value = line.find(':') == line.npos ? "" : line.substr(line.find(':') + 1);
        if (value.starts_with(" ")) value.erase(0, 1);
        if (name == "data") data.append(value).append("\n");
        if (name == "event") type = value;
        if (name == "id" && value.find('\0') == value.npos) id = value;
        if (name == "retry" && !value.empty() && value.find_first_not_of("0123456789") == value.npos)
            retry = std::to_string(std::stoll(value));
    }
    return result;
}

/// A client that receives events from servers in the hands of the test.
class listener {
public:
    explicit listener(http::event_source_options options = {}, http::client_options limits = {}) {
        limits.connector = [this](http::url) -> weir::task<http::connection> {
            if (refusing) throw std::runtime_error{"refused"};
            co_return http::connection{support::wire_stream{wires.emplace_back()}};
        };
        options.reconnect.jitter = weir::jitter::none;
        options.on_error = [this](const std::exception_ptr& e) { errors.emplace_back(text_of(e)); };
        const http::client c{limits};
        handle_.emplace(ex.spawn(run(http::event_source(c, "http://a/news", std::move(options)))));
        ex.run_ready();
    }

    void send(std::string_view text) {
        wires.back().send(text);
        ex.run_ready();
    }
    void end() {
        wires.back().end();
        ex.run_ready();
    }
    void answer(std::string_view body = "") { send(std::string{head}.append(body)); }
    void drop() { handle_.reset(); }

    static constexpr std::string_view head = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream;charset=utf-8\r\n\r\n";

    weir::testing::virtual_executor ex;
    std::deque<support::wire> wires;
    bool refusing = false;
    bool takes = true;
    std::string got;
    std::string ended; // "end", or the error
    std::vector<std::string> errors;

private:
    static std::string text_of(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            return e.what();
        }
    }
    weir::task<> run(weir::async_stream<http::event> events) {
        try {
            while (const auto e = co_await weir::next(events)) {
                got.append(shown(*e));
                while (!takes) co_await weir::sleep_for(1s);
            }
            ended = "end";
        } catch (const std::exception& e) {
            ended = e.what();
        }
    }

    std::optional<weir::join_handle<weir::task<>>> handle_;
};

std::string request(std::string_view more = "") {
    std::string text{"GET /news HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n"};
    return text.append(more).append("\r\n");
}

} // namespace

TEST_SUITE("http/event_source") {
    TEST_CASE("the parser of events reads the fields of an event") {
        CHECK(whole("data: a\n\n") == "[a]");
        CHECK(whole("data:a\n\ndata:  a\n\n") == "[a][ a]");
        CHECK(whole("data: a\ndata\ndata: b\n\n") == "[a\n\nb]");
        CHECK(whole("data\n\n") == "[]");
        CHECK(whole("event: t\ndata: a\n\ndata: b\n\n") == "[t!a][b]");
        CHECK(whole("event: t\n\ndata: b\n\n") == "[b]");
        CHECK(whole("id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n") == "[a id=7][b id=7][c id=]");
        CHECK(whole("id: 7\n\ndata: b\n\n") == "[b id=7]");
        CHECK(whole("id: a\0b\ndata: a\n\n"sv) == "[a]");
        CHECK(whole("retry: 1500\ndata: a\n\nretry: 1x\ndata: b\n\nretry:\ndata: c\n\n") == "[a retry=1500][b][c]");
        CHECK(whole("retry: 1500\n\ndata: b\n\n") == "[b]");
        CHECK(whole(": a comment\n:\ndata: a\nother: x\nDATA: x\n data: x\n\n") == "[a]");
        CHECK(whole("data: a\n") == "");
        CHECK(whole("") == "");
    }
    TEST_CASE("the parser of events takes LF, CR LF and CR as line ends") {
        CHECK(whole("data: a\r\ndata: b\r\n\r\n") == "[a\nb]");
        CHECK(whole("data: a\rdata: b\r\r") == "[a\nb]");
        CHECK(whole("data: a\n\r\ndata: b\r\n\n") == "[a][b]");
        CHECK(whole("data: a\r\n\ndata: b\r\r\n") == "[a][b]");
    }
    TEST_CASE("the parser of events ignores one byte order mark at the start") {
        CHECK(whole("\xEF\xBB\xBF"
                    "data: a\n\n") == "[a]");
        CHECK(whole("\xEF\xBB\xBF\n\n\xEF\xBB\xBF"
                    "data: a\n\n") == "");
        CHECK(whole("\xEF\xBB\xBF\xEF\xBB\xBF"
                    "data: a\n\n") == "");
        CHECK(whole("\xEF\xBB"
                    "data: a\n\n") == "");
    }
    TEST_CASE("a retry that fits in no time is the longest time") {
        http::detail::event_parser p{"peer", {}};
        std::span<const char> input{"retry: 99999999999999999999999999\ndata: a\n\n"sv};
        CHECK(p.next(input));
        CHECK(p.retry_after() == weir::duration::max());
    }
    TEST_CASE("the parser of events has limits for a line and for an event") {
        const http::event_limits limits{.line = 10, .event = 8};
        CHECK(whole("data: abcd\n\n: 34567890\n", limits) == "[abcd]");
        CHECK(whole("data: abcde\n\n", limits) ==
              "weir::http: read from peer: a line of an event has more than 10 bytes");
        CHECK(whole(": 345678901", limits) == "weir::http: read from peer: a line of an event has more than 10 bytes");
        CHECK(whole("data: abcd\ndata:efg\n\n", limits) == "[abcd\nefg]");
        CHECK(whole("data: abcd\ndata:efgh\n", limits) == "weir::http: read from peer: an event has more than 8 bytes");
        CHECK(whole("event: efg\ndata: abcd\ndata\n\nevent: ef\n", limits) == "[efg!abcd\n]");
        CHECK(whole("event: efg\ndata: abcd\ndata\ndata\n", limits) ==
              "weir::http: read from peer: an event has more than 8 bytes");
    }
    TEST_CASE("the parser of events finds the same in random texts, however they are split, as the standard") {
        const std::vector<std::string> pieces{
            "data", "data:", "data: ", "event:", "id:",          "retry:", ":",        " ",    "\r",       "\n",
            "\r\n", "\n\n",  "1",      "a",      "\xEF\xBB\xBF", "\0"s,    "\r\n\r\n", "\xC3", "data: b\n"};
        std::mt19937 random{1};
        for (int round = 0; round != 5000; ++round) {
            std::string text;
            for (std::size_t n = random() % 40; n != 0; --n) text.append(pieces[random() % pieces.size()]);
            const std::string expected = model(text);
            CAPTURE(round);
            REQUIRE(whole(text) == expected);
            REQUIRE(parsed(text, [&] { return 1 + random() % 7; }) == expected);
        }
    }
    TEST_CASE("events that the server's side writes are read back") {
        std::mt19937 random{2};
        const auto text = [&](std::string_view from) {
            std::string made;
            for (std::size_t n = random() % 8; n != 0; --n) made += from[random() % from.size()];
            return made;
        };
        for (int round = 0; round != 1000; ++round) {
            const http::event e{.data = text("ab: \n"), .type = text("ab: "), .id = text("12 "), .retry_after = 5ms};
            std::string written = http::to_text(e);
            std::span<const char> input{written};
            http::detail::event_parser p{"peer", {}};
            REQUIRE(p.next(input));
            CHECK(p.take() == e);
        }
    }

    TEST_CASE("a source of events sends a request and receives events") {
        listener l{{.last_event_id = "6", .headers = {{"Authorization", "s"}}}};
        CHECK(l.wires[0].received() ==
              "GET /news HTTP/1.1\r\nHost: a\r\nAuthorization: s\r\nAccept: text/event-stream\r\n"
              "Cache-Control: no-store\r\nLast-Event-ID: 6\r\n\r\n");
        l.answer("data: a\n\nda");
        CHECK(l.got == "[a id=6]");
        l.send("ta: b\n");
        CHECK(l.got == "[a id=6]");
        l.send("\n");
        CHECK(l.got == "[a id=6][b id=6]");
        l.drop();
        CHECK(l.wires[0].closed());
    }
    TEST_CASE("a source of events reconnects with the last ID, and drops an event that was cut off") {
        listener l;
        CHECK(l.wires[0].received() == request());
        l.answer("id: 1\ndata: a\n\nid: 2\ndata: b\n");
        l.end();
        CHECK(l.wires[0].closed());
        l.ex.advance(2999ms);
        CHECK(l.wires.size() == 1);
        l.ex.advance(1ms);
        REQUIRE(l.wires.size() == 2);
        CHECK(l.wires[1].received() == request("Last-Event-ID: 1\r\n"));
        l.answer("id: 2\ndata: b\n\nid\n\n");
        l.wires[1].reset();
        l.ex.advance(3s);
        REQUIRE(l.wires.size() == 3);
        CHECK(l.wires[2].received() == request());
        CHECK(l.got == "[a id=1][b id=2]");
        CHECK(l.errors == std::vector<std::string>{"read peer: Connection reset by peer"});
    }
    TEST_CASE("a source of events does not send an ID that could not stand in a header") {
        listener l;
        l.answer("id: 1\x01\ndata: a\n\n");
        l.end();
        l.ex.advance(3s);
        CHECK(l.wires[1].received() == request());
    }
    TEST_CASE("the server decides how long a source of events waits at least, up to max_delay") {
        listener l{{.reconnect = {.attempts = weir::retry_policy::unlimited, .delay = 1s, .max_delay = 60s}}};
        l.answer("retry: 20000\n\ndata: a\n\n");
        l.end();
        l.ex.advance(19999ms);
        CHECK(l.wires.size() == 1);
        l.ex.advance(1ms);
        CHECK(l.wires.size() == 2);
        l.answer("retry: 99999999999\n\ndata: a\n\n");
        l.end();
        l.ex.advance(59999ms);
        CHECK(l.wires.size() == 2);
        l.ex.advance(1ms);
        CHECK(l.wires.size() == 3);
        l.answer("retry: 0\n\ndata: a\n\n");
        l.end();
        l.ex.advance(999ms);
        CHECK(l.wires.size() == 3);
        l.ex.advance(1ms);
        CHECK(l.wires.size() == 4);
    }
    TEST_CASE("the waits of a source of events grow until an event arrives") {
        listener l{{.reconnect = {.attempts = weir::retry_policy::unlimited, .delay = 1s}}};
        for (const auto wait : {1s, 2s, 4s}) {
            l.answer(": hello\n\n");
            l.end();
            l.ex.advance(wait - 1ms);
            const std::size_t before = l.wires.size();
            l.ex.advance(1ms);
            CHECK(l.wires.size() == before + 1);
        }
        l.answer("data: a\n\n");
        l.end();
        l.ex.advance(1s);
        CHECK(l.wires.size() == 5);
    }
    TEST_CASE("a source of events gives up after the failures that its policy allows") {
        listener l{{.reconnect = {.attempts = 3, .delay = 1s, .factor = 1}}};
        l.answer("data: a\n\n");
        l.refusing = true;
        l.end();
        l.ex.advance(1s);
        CHECK(l.errors == std::vector<std::string>{"refused"});
        CHECK(l.ended == "");
        l.ex.advance(1s);
        CHECK(l.ended == "refused");

        listener once{{.reconnect = {.attempts = 1}}};
        once.answer("data: a\n\n");
        once.end();
        CHECK(once.got == "[a]");
        CHECK(once.ended == "end");

        listener total{
            {.reconnect = {
                 .attempts = weir::retry_policy::unlimited, .delay = 1s, .factor = 1, .total_timeout = 2500ms}}};
        total.answer("data: a\n\n");
        total.refusing = true;
        total.end();
        total.ex.advance(2s);
        CHECK(total.ended == "refused");

        listener slow{{.reconnect = {.attempts = 2, .delay = 1s, .attempt_timeout = 5s}}};
        slow.ex.advance(6s);
        CHECK(slow.wires.size() == 2);
        CHECK(slow.wires[0].closed());
        slow.ex.advance(5s);
        CHECK(slow.ended.starts_with("weir::with_deadline: no result within "));
    }
    TEST_CASE("a source of events gives up a silent connection") {
        listener l{{.silence = 10s}};
        l.answer();
        l.ex.advance(9s);
        l.send(":\n");
        l.ex.advance(9s);
        CHECK_FALSE(l.wires[0].closed());
        l.ex.advance(1s);
        CHECK(l.wires[0].closed());
        CHECK(l.errors == std::vector<std::string>{"weir::http: read from peer: no more of the body within 10s"});
        l.ex.advance(3s);
        CHECK(l.wires.size() == 2);
    }
    TEST_CASE("a source of events reads no more than its consumer asks for") {
        listener l;
        l.takes = false;
        std::string many;
        for (int i = 0; i != 100'000; ++i) many.append("data: a\n\n");
        l.answer(many);
        CHECK(l.got == "[a]");
        CHECK(l.wires[0].unread() > 700'000);
        l.takes = true;
        l.ex.advance(1s);
        CHECK(l.got.size() == 300'000);
    }
    TEST_CASE("a source of events ends with the status 204") {
        listener l;
        l.send("HTTP/1.1 204 No Content\r\n\r\n");
        CHECK(l.ended == "end");
    }
    TEST_CASE("a source of events fails when the answer is something else") {
        const auto ended = [](std::string_view answer) {
            listener l;
            l.send(answer);
            return l.ended;
        };
        CHECK(ended("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") ==
              "weir::http: events of http://a: the status is 404");
        CHECK(ended("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n") ==
              "weir::http: events of http://a: the Content-Type is not text/event-stream");
        CHECK(ended("HTTP/1.1 200 OK\r\n\r\n") ==
              "weir::http: events of http://a: the Content-Type is not text/event-stream");
        CHECK(ended("nonsense\r\n\r\n").starts_with("weir::http: read from peer: byte "));
        CHECK(ended(std::string{listener::head}.append(70'000, 'x')) ==
              "weir::http: read from http://a: a line of an event has more than 65536 bytes");
        for (const char* const status : {"429", "500", "502", "503", "504"}) {
            listener l;
            l.send("HTTP/1.1 "s.append(status).append(" x\r\nContent-Length: 0\r\n\r\n"));
            CHECK(l.ended == "");
            CHECK(l.errors ==
                  std::vector<std::string>{"weir::http: events of http://a: the status is "s.append(status)});
        }
    }
    TEST_CASE("a source of events refuses options that make no sense") {
        const http::client c;
        const auto refuses = [&](http::event_source_options o) {
            CHECK_THROWS_AS(static_cast<void>(http::event_source(c, "http://a", std::move(o))), std::invalid_argument);
        };
        refuses({.reconnect = {.attempts = 0}});
        refuses({.silence = 0s});
        refuses({.last_event_id = "a\nb"});
        CHECK_THROWS_AS(static_cast<void>(http::event_source(c, "a")), std::invalid_argument);
    }
    TEST_CASE("each event arrives once and in order, whatever happens to the connections") {
        weir::testing::simulation_options options;
        options.network.reset = 0.02;
        options.network.refuse = 0.05;
        options.network.short_transfer = 0.3;
        std::size_t requests = 0;
        weir::testing::for_each_seed(100, options, [&](weir::testing::simulation& sim) {
            const std::size_t before = sim.descriptors();
            constexpr int n = 40;
            auto numbers = [](int from) -> weir::async_stream<http::event> {
                for (int i = from; i != n; ++i) {
                    http::event e;
                    e.data = std::to_string(i);
                    e.id = e.data;
                    co_yield std::move(e);
                    if (i % 10 == 9) co_return;
                    co_await weir::sleep_for(1ms);
                }
            };
            auto handler = [&](http::request& r) {
                ++requests;
                const auto last = r.headers.get("Last-Event-ID");
                const int from = last ? std::stoi(std::string{*last}) + 1 : 0;
                return from == n ? http::response{204} : http::events(numbers(from));
            };
            auto serve = [&]() -> weir::task<> {
                const weir::endpoint any{"10.0.0.1", 80};
                auto listener = co_await weir::listen(any);
                auto answer = [&](weir::tcp_stream s) { return http::serve(std::move(s), handler); };
                co_await (weir::accept(std::move(listener)) | weir::map_async_unordered(100, answer) | weir::drain());
            };
            auto server = std::make_unique<weir::join_handle<weir::task<>>>(sim.spawn(serve()));
            const http::client c;
            std::string got;
            std::string expected;
            for (int i = 0; i != n; ++i) expected.append(std::to_string(i)).append(" ");
            sim.run(http::event_source(c, "http://10.0.0.1/") |
                    weir::for_each([&](const http::event& e) { got.append(e.data).append(" "); }));
            if (got != expected) throw std::logic_error{got};
            c.close_idle();
            server.reset();
            sim.run(weir::sleep_for(1s));
            if (sim.descriptors() != before) throw std::logic_error{"a descriptor is left open"};
        });
        CHECK(requests > 600); // of which 500 without a fault
    }
    TEST_CASE("read_events reads the events of one response") {
        support::wire w;
        weir::testing::virtual_executor ex;
        std::string got;
        const auto run = [&]() -> weir::task<> {
            http::client_options options;
            options.connector = [&](http::url) -> weir::task<http::connection> {
                co_return http::connection{support::wire_stream{w}};
            };
            const http::client c{options};
            http::client_request question{"POST", http::url{"http://a"}, "q"};
            auto sending = c.send(std::move(question));
            auto answer = co_await std::move(sending);
            auto reading = http::read_events(std::move(answer)) |
                           weir::for_each([&](const http::event& e) { got.append(shown(e)); });
            co_await std::move(reading);
            got.append("end");
        };
        const auto handle = ex.spawn(run());
        ex.run_ready();
        w.send(std::string{listener::head}.append("data: a\n\nda"));
        ex.run_ready();
        CHECK(got == "[a]");
        w.send("ta: b\n\ndata: c");
        w.end();
        ex.run_ready();
        CHECK(got == "[a][b]end");
    }
}
