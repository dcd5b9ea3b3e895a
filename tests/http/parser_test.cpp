// SPDX-License-Identifier: MIT
#include <weir/http/detail/parser.hpp>

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "hostile.hpp"
#include "support.hpp"

using namespace std::string_literals;
using support::parse;
using support::split_every;
using weir::http::fault;
using weir::http::message_part;
using weir::http::detail::message_kind;
using weir::http::detail::parse_step;
using weir::http::detail::parser;

namespace {

/// Parses a text as a whole, and split in two at each place, in parts of one, two and three bytes. Expects the same.
support::parsed parse_split(message_kind kind, std::string_view text, std::string_view method = "GET") {
    const auto whole = parse(kind, {text}, {}, method);
    for (const std::size_t size : {1U, 2U, 3U}) CHECK(parse(kind, split_every(text, size), {}, method) == whole);
    for (std::size_t at = 0; at <= text.size(); at += text.size() > 2000 ? 97 : 1) {
        INFO(at);
        CHECK(parse(kind, {text.substr(0, at), text.substr(at)}, {}, method) == whole);
    }
    return whole;
}

std::string requests(std::string_view text) {
    const auto result = parse_split(message_kind::request, text);
    CHECK(result.error == "");
    return result.text;
}

std::string responses(std::string_view text, std::string_view method = "GET") {
    const auto result = parse_split(message_kind::response, text, method);
    CHECK(result.error == "");
    return result.text;
}

} // namespace

TEST_SUITE("http/parser") {
    TEST_CASE("the parser yields a request without a body") {
        CHECK(requests("GET /a?b=c HTTP/1.1\r\nHost: x.test:80\r\nAccept: */*\r\n\r\n") ==
              "[GET /a?b=c Host=<x.test:80> Accept=<*/*>] no body, keeps alive end\n");
        CHECK(requests("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n") == "[OPTIONS * Host=<>] no body, keeps alive end\n");
        CHECK(requests("GET http://a.test/b HTTP/1.1\r\nHost: c\r\n\r\n") ==
              "[GET http://a.test/b Host=<c>] no body, keeps alive end\n");
        CHECK(requests("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n") ==
              "[CONNECT a.test:443 Host=<a.test:443>] no body, keeps alive end\n");
    }
    TEST_CASE("the parser removes white space around a value and keeps that within it") {
        CHECK(requests("GET / HTTP/1.1\r\nHost:a\r\nA: \t b  c \t\r\nB:\r\nC:  \r\nD: \xc3\xa4\r\n\r\n") ==
              "[GET / Host=<a> A=<b  c> B=<> C=<> D=<\xc3\xa4>] no body, keeps alive end\n");
    }
    TEST_CASE("the parser yields a body of a given length, and the next request") {
        CHECK(requests(
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab\r\ncGET /2 HTTP/1.1\r\nHost: a\r\n\r\n") ==
              "[POST / Host=<a> Content-Length=<5>] body, keeps alive, 5: ab\r\nc end\n"
              "[GET /2 Host=<a>] no body, keeps alive end\n");
        CHECK(requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") ==
              "[POST / Host=<a> Content-Length=<0>] no body, keeps alive, 0 end\n");
    }
    TEST_CASE("the parser yields a chunked body and its trailers") {
        const std::string head = "[POST / Host=<a> Transfer-Encoding=<chunked>] body, keeps alive";
        const std::string start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        CHECK(requests(start + "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") == head + ": abc0123456789 end\n");
        CHECK(requests(start + "0\r\n\r\n") == head + " end\n");
        CHECK(requests(start + "00000003;a;c=\"d e\";f=g\r\nabc\r\n000;x\r\n\r\n") == head + ": abc end\n");
        CHECK(requests(start + "3\r\n\r\n0\r\n0\r\nX: y\r\nZ: \r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") ==
              head + ": \r\n0 X=<y> Z=<> end\n[GET / Host=<a>] no body, keeps alive end\n");
    }
    TEST_CASE("the parser finds out whether the connection is to be kept") {
        CHECK(requests("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n") ==
              "[GET / Host=<a> Connection=<TE, Close>] no body, closes end\n");
        CHECK(requests("GET / HTTP/1.0\r\n\r\n") == "[GET /] no body, closes end\n");
        CHECK(requests("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
              "[GET / Connection=<keep-alive>] no body, keeps alive end\n");
        CHECK(requests("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n") ==
              "[GET / Host=<a> Connection=<keep-alive> Connection=<close>] no body, closes end\n");
    }
    TEST_CASE("an offer to upgrade does not end the parsing of HTTP") {
        CHECK(requests("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
                       "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n") ==
              "[GET / Host=<a> Connection=<Upgrade> Upgrade=<h2c>] no body, keeps alive end\n"
              "[GET /2 Host=<a>] no body, keeps alive end\n");
        CHECK(requests(
                  "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab") ==
              "[POST / Host=<a> Connection=<Upgrade> Upgrade=<h2c> Content-Length=<2>] body, keeps alive, 2: ab end\n");
    }
    TEST_CASE("one empty line before a request is skipped") {
        CHECK(requests("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n\r\n") ==
              "[GET / Host=<a>] no body, keeps alive end\n[GET /2 Host=<a>] no body, keeps alive end\n");
    }
    TEST_CASE("a parser knows what a head says after it was moved away") {
        parser p{message_kind::response, "peer", {}};
        const std::string_view text = "HTTP/1.0 204 No Content\r\n\r\n";
        std::span<const char> input{text};
        REQUIRE(p.next(input) == parse_step::head);
        const auto head = std::exchange(p.response(), {});
        CHECK(head.status == 204);
        CHECK_FALSE(p.has_body());
        CHECK_FALSE(p.keeps_alive());
        CHECK(p.next(input) == parse_step::end);
    }
    TEST_CASE("the parser yields responses") {
        CHECK(
            responses(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") ==
            "[200 OK Content-Length=<2>] body, keeps alive, 2: ab end\n"
            "[404 Not Found Content-Length=<0>] no body, keeps alive, 0 end\n");
        CHECK(responses("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nA: b\r\n\r\n") ==
              "[200  Transfer-Encoding=<chunked>] body, keeps alive: ab A=<b> end\n");
        CHECK(responses("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n") ==
              "[200  Content-Length=<0>] no body, keeps alive, 0 end\n");
        CHECK(responses("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx") ==
              "[200 OK Connection=<keep-alive> Content-Length=<1>] body, keeps alive, 1: x end\n");
    }
    TEST_CASE("a response without a length lasts until the connection ends") {
        CHECK(responses("HTTP/1.1 200 OK\r\n\r\nab\r\n\r\nc") == "[200 OK] body, closes: ab\r\n\r\nc end\n");
        CHECK(responses("HTTP/1.1 200 OK\r\n\r\n") == "[200 OK] body, closes end\n");
    }
    TEST_CASE("interim responses, 204, 304 and answers to HEAD have no body") {
        CHECK(responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n"
                        "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
              "[100 Continue] no body, keeps alive end\n[204 No Content] no body, keeps alive end\n"
              "[304 Not Modified Content-Length=<5>] no body, keeps alive, 5 end\n"
              "[200 OK Content-Length=<0>] no body, keeps alive, 0 end\n");
        CHECK(responses(
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "HTTP/1.1 200 OK\r\n\r\n",
                  "HEAD") ==
              "[200 OK Content-Length=<5>] no body, keeps alive, 5 end\n"
              "[200 OK Transfer-Encoding=<chunked>] no body, keeps alive end\n[200 OK] no body, keeps alive end\n");
        CHECK(responses("HTTP/1.1 200 OK\r\n\r\n", "CONNECT") == "[200 OK] no body, keeps alive end\n");
        CHECK(responses("HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\n\r\nx", "CONNECT") ==
              "[403 Forbidden Content-Length=<1>] body, keeps alive, 1: x end\n");
    }
    TEST_CASE("hostile requests are refused for the same reason however they are split") {
        for (const auto& row : support::hostile_requests()) {
            CAPTURE(row.bytes.substr(0, 200));
            if (row.status == 501 && !row.fault) continue; // valid, but not served
            const auto result = parse_split(message_kind::request, row.bytes);
            CHECK(result.error != "");
            if (row.fault || row.too_large) {
                CHECK(result.fault == row.fault);
                CHECK(result.too_large == row.too_large);
            }
        }
    }
    TEST_CASE("hostile responses are refused for the same reason however they are split") {
        const std::pair<std::string, fault> rows[]{
            {"HTTP/1.1 20 OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1 2000 OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1 600 OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1 099 OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1  200 OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1 200OK\r\n\r\n", fault::start_line},
            {"HTTP/1.1\r\n\r\n", fault::start_line},
            {"HTTP/2 200\r\n\r\n", fault::start_line},
            {"ICY 200 OK\r\n\r\n", fault::start_line},
            {"\r\nHTTP/1.1 200 OK\r\n\r\n", fault::start_line},
            {"SSH-2.0-OpenSSH_9.2\r\n", fault::start_line},
            {"HTTP/1.1 200 O\x01K\r\n\r\n", fault::start_line},
            {"HTTP/3.0 200 OK\r\n\r\n", fault::unsupported_version},
            {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", fault::folded_line},
            {"HTTP/1.1 200 OK\nA: b\r\n\r\n", fault::line_end},
            {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", fault::header_name},
            {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", fault::content_length},
            {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", fault::transfer_encoding},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", fault::transfer_encoding},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", fault::unsupported_coding},
            {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", fault::transfer_encoding},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", fault::chunk},
            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", fault::truncated},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", fault::truncated},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", fault::truncated},
            {"HTTP/1.1 200 OK\r\nA: b\r\n", fault::truncated},
            {"HTTP/1.1 200 OK", fault::truncated},
        };
        for (const auto& [bytes, reason] : rows) {
            CAPTURE(bytes);
            const auto result = parse_split(message_kind::response, bytes);
            CHECK(result.fault == reason);
        }
    }
    TEST_CASE("damaged messages are read in the same way however they are split") {
        const std::string requests_text =
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n"
            "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /c HTTP/1.0\r\n\r\n";
        const std::string responses_text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
            "HTTP/1.1 204 No Content\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.0 404 "
            "x\r\n\r\nrest";
        const std::string special = "\r\n\0 \t:;,0129afAF-\"x\x7f\xff"s;
        std::minstd_rand random{1};
        const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
        for (int i = 0; i < 3000; ++i) {
            const bool is_request = i % 2 == 0;
            const message_kind kind = is_request ? message_kind::request : message_kind::response;
            std::string text = is_request ? requests_text : responses_text;
            for (std::size_t n = 1 + below(3); n != 0; --n) {
                const std::size_t at = below(text.size());
                const char c = special[below(special.size())];
                switch (below(4)) {
                case 0:
                    text[at] = c;
                    break;
                case 1:
                    text.insert(at, 1, c);
                    break;
                case 2:
                    text.erase(at, 1 + below(3));
                    break;
                default:
                    text.insert(at, text.substr(below(text.size()), below(20)));
                    break;
                }
            }
            CAPTURE(text);
            const auto whole = parse(kind, {text});
            CHECK(parse(kind, split_every(text, 1)) == whole);
            CHECK(parse(kind, split_every(text, 2 + below(30))) == whole);
        }
    }
    TEST_CASE("an error names the peer, the place and the reason, and shows no data") {
        const auto error = [](std::string_view text) { return parse(message_kind::request, {text}).error; };
        CHECK(error("GET / HTTP/1.1\r\nHost: a\r\nsecret : b\r\n\r\n") ==
              "weir::http: read from peer: byte 31: white space in the name of a header, or behind it");
        CHECK(error("GET / HTTP/1.1\r\n\r\n") == "weir::http: read from peer: byte 16: no Host header");
        CHECK(error("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX") ==
              "weir::http: read from peer: byte 62: Expected CRLF after chunk");
        CHECK(error("GET / HTTP/1.1\r\nHost: a") ==
              "weir::http: read from peer: byte 23: the connection has ended within a message");
        CHECK(error(std::string(9000, 'a')) == "weir::http: read from peer: the start line has more than 8192 bytes");
        CHECK(error("GET / HTTP/1.1\r\nA: " + std::string(70'000, 'a')) ==
              "weir::http: read from peer: the head has more than 65536 bytes");
    }
    TEST_CASE("limits are exact") {
        const std::string text = "GET /a HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n";
        const auto part_of = [&](const weir::http::head_limits& limits) {
            const auto whole = parse(message_kind::request, {text}, limits);
            CHECK(parse(message_kind::request, split_every(text, 1), limits) == whole);
            return whole.too_large;
        };
        CHECK(part_of({.start_line = 15, .head = text.size(), .headers = 2}) == std::nullopt);
        CHECK(part_of({.start_line = 14}) == message_part::start_line);
        CHECK(part_of({.head = text.size() - 1}) == message_part::head);
        CHECK(part_of({.start_line = 100, .head = 10}) == message_part::start_line);
        CHECK(part_of({.headers = 1}) == message_part::headers);
    }
    TEST_CASE("a head may be moved away, and its memory is used again") {
        parser p{message_kind::response, "peer", {}};
        const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        std::span<const char> input{text};
        CHECK(p.between_messages());
        CHECK(p.next(input) == parse_step::head);
        const auto taken = std::move(p.response());
        CHECK(taken.headers.get("content-length") == "0");
        CHECK(!p.between_messages());
        CHECK(p.next(input) == parse_step::end);
        CHECK(p.between_messages());
        input = text;
        CHECK(p.next(input) == parse_step::head);
        CHECK(p.response().headers == taken.headers);
    }
}
