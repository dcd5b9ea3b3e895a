// SPDX-License-Identifier: MIT
#include <weir/http/message.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/http/detail/serialize.hpp>
#include <weir/http/detail/syntax.hpp>

using namespace std::string_literals;
namespace http = weir::http;

static_assert(std::forward_iterator<http::headers::iterator>);
static_assert(http::detail::list_has_token("a , B,c", "b"));
static_assert(!http::detail::list_has_token("ab, a b", "b"));
static_assert(!http::detail::is_token("") && !http::detail::is_token("a b") && http::detail::is_token("X-a_1"));

namespace {

std::string error_of(const std::string& name, const std::string& value) {
    try {
        http::headers h;
        h.add(name, value);
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}

template <class Head>
std::string text_of(const Head& head) {
    std::string text;
    http::detail::append_head(text, head);
    return text;
}

} // namespace

TEST_SUITE("http/message") {
    TEST_CASE("headers keep their order and duplicates, and are found without regard to case") {
        http::headers h{{"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}};
        h.add("set-cookie", "b=2").add("X", "");
        CHECK(h.size() == 4);
        CHECK(h.get("content-TYPE") == "text/plain");
        CHECK(h.get("SET-COOKIE") == "a=1");
        CHECK(h.get("x") == "");
        CHECK(h.get("y") == std::nullopt);
        CHECK(h.count("Set-Cookie") == 2);
        CHECK(h.contains("X"));
        CHECK(h.text() == "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX: \r\n");
        std::string names;
        for (const auto [name, value] : h) names.append(name).append(";");
        CHECK(names == "Content-Type;Set-Cookie;set-cookie;X;");
    }
    TEST_CASE("set replaces all fields of a name, also by a part of themselves") {
        http::headers h{{"A", "1"}, {"B", "2"}, {"a", "3"}};
        h.set("A", "4");
        CHECK(h.text() == "B: 2\r\nA: 4\r\n");
        h.set("B", *h.get("A"));
        CHECK(h.text() == "A: 4\r\nB: 4\r\n");
        h.set("C", "5");
        CHECK(h.text() == "A: 4\r\nB: 4\r\nC: 5\r\n");
        CHECK(h.get("b") == "4");
        CHECK_THROWS_AS(h.set("A", "x\ny"), std::invalid_argument);
        CHECK(h.text() == "A: 4\r\nB: 4\r\nC: 5\r\n");
    }
    TEST_CASE("erase removes all fields of a name and returns their number") {
        http::headers h{{"A", "1"}, {"B", "2"}, {"a", "3"}};
        CHECK(h.erase("a") == 2);
        CHECK(h.erase("a") == 0);
        CHECK(h.text() == "B: 2\r\n");
        CHECK(h.get("B") == "2");
        h.clear();
        CHECK(h.empty());
        CHECK(h.begin() == h.end());
    }
    TEST_CASE("a copy of headers does not change with the original") {
        http::headers h{{"A", "1"}};
        const http::headers copy{h};
        h.set("A", "2");
        CHECK(copy.get("A") == "1");
        CHECK(copy != h);
        const http::headers moved{std::move(h)};
        CHECK(moved.get("A") == "2");
    }
    TEST_CASE("has_token looks into the lists of all fields of a name") {
        const http::headers h{{"Connection", "TE, Close"}, {"Connection", "keep-alive"}, {"X", "close"}};
        CHECK(h.has_token("connection", "close"));
        CHECK(h.has_token("Connection", "keep-alive"));
        CHECK(!h.has_token("Connection", "upgrade"));
        CHECK(!h.has_token("Connection", "clos"));
    }
    TEST_CASE("headers refuse names and values that would become other headers") {
        CHECK(error_of("", "a") == "weir::http::headers: a name is empty");
        for (const std::string& name : {"A:"s, "A B"s, "A\r\nB"s, "A\0"s, "\xe4"s, " A"s, "A\t"s}) {
            CHECK(error_of(name, "a").starts_with("weir::http::headers: a name has a character"));
        }
        for (const std::string& value : {"a\r\nB: c"s, "a\rb"s, "a\nb"s, "a\0b"s, "a\x7f"s, "\x1b[0m"s}) {
            CHECK(error_of("X", value).starts_with("weir::http::headers: the value of X has a control character"));
        }
        CHECK(error_of("X", " a\tb \xc3\xa4 ") == "");
        CHECK(http::headers{{"X", " a b\t"}}.get("X") == "a b");
    }
    TEST_CASE("a request line refuses methods and targets that would become another line") {
        http::request_head head;
        head.headers.add("Host", "a");
        CHECK(text_of(head) == "GET / HTTP/1.1\r\nHost: a\r\n");
        head.method = "BREW";
        head.target = "/a?b=%20";
        head.version = http::version::http_1_0;
        CHECK(text_of(head) == "BREW /a?b=%20 HTTP/1.0\r\nHost: a\r\n");
        for (const std::string& target : {""s, "/ b"s, "/\r\n"s, "/\0"s, "/#a"s, "/\xc3\xa4"s, "/\x7f"s}) {
            head.target = target;
            CHECK_THROWS_AS(text_of(head), std::invalid_argument);
        }
        head.target = "/";
        for (const std::string& method : {""s, "GET "s, "G\r\nT"s, "G:"s}) {
            head.method = method;
            CHECK_THROWS_AS(text_of(head), std::invalid_argument);
        }
    }
    TEST_CASE("a status line has the standard reason unless there is another one") {
        http::response_head head;
        CHECK(text_of(head) == "HTTP/1.1 200 OK\r\n");
        head.status = 404;
        CHECK(text_of(head) == "HTTP/1.1 404 Not Found\r\n");
        head.reason = "Nothing here";
        CHECK(text_of(head) == "HTTP/1.1 404 Nothing here\r\n");
        head.reason = "a\r\nb";
        CHECK_THROWS_AS(text_of(head), std::invalid_argument);
        head.reason = "";
        head.status = 299;
        CHECK(text_of(head) == "HTTP/1.1 299 \r\n");
        for (const unsigned status : {0U, 99U, 600U, 1000U}) {
            head.status = status;
            CHECK_THROWS_AS(text_of(head), std::invalid_argument);
        }
    }
    TEST_CASE("a request has a path, a query and a host") {
        http::request_head head;
        head.headers.add("Host", "h:1");
        const auto parts = [&](const std::string& target) {
            head.target = target;
            std::string text{head.path()};
            return text.append(" ").append(head.query()).append(" ").append(head.host());
        };
        CHECK(parts("/") == "/  h:1");
        CHECK(parts("/a/b?c=d?e") == "/a/b c=d?e h:1");
        CHECK(parts("/a?b=http://c/") == "/a b=http://c/ h:1");
        CHECK(parts("http://x.test:2/a?b") == "/a b x.test:2");
        CHECK(parts("http://x.test") == "/  x.test");
        CHECK(parts("http://x.test?b") == "/ b x.test");
        CHECK(parts("*") == "*  h:1");
    }
    TEST_CASE("chunks and lengths are written in their number systems") {
        std::string text;
        http::detail::append_chunk_size(text, 255);
        http::detail::append_content_length(text, 255);
        http::detail::append_last_chunk(text, {{"A", "b"}});
        http::detail::append_end_of_head(text);
        CHECK(text == "ff\r\nContent-Length: 255\r\n0\r\nA: b\r\n\r\n\r\n");
    }
    TEST_CASE("a value may be a part of the headers to which it is added") {
        const http::headers one{{"A", "1"}};
        http::headers h{one}; // with its text in the object itself
        for (int i = 0; i != 300; ++i) h.add("B", *h.get("A"));
        CHECK(h.size() == 301);
        for (const auto [name, value] : h) CHECK(value == "1");
    }
}
