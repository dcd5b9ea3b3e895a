// SPDX-License-Identifier: MIT
#include <weir/http/url.hpp>

#include <algorithm>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>

#include <doctest/doctest.h>

using namespace std::string_view_literals;
using weir::http::url;

namespace {

std::string text(std::string_view from) { return url{from}.to_string(); }

/// The text of the error, without its beginning.
std::string error(std::string_view from) {
    try {
        return "accepted: " + url{from}.to_string();
    } catch (const std::invalid_argument& e) {
        const std::string_view what = e.what();
        constexpr std::string_view start = "weir::http::url: ";
        return std::string{what.starts_with(start) ? what.substr(start.size()) : what};
    }
}

} // namespace

TEST_SUITE("http/url") {
    TEST_CASE("a url has the parts of its text") {
        const url u{"http://example.org:8080/a/b;c?d=e&f#g?h"};
        CHECK(u.scheme() == "http");
        CHECK_FALSE(u.is_https());
        CHECK(u.host() == "example.org");
        CHECK(u.port() == 8080);
        CHECK(u.authority() == "example.org:8080");
        CHECK(u.origin() == "http://example.org:8080");
        CHECK(u.path() == "/a/b;c");
        CHECK(u.query() == "d=e&f");
        CHECK(u.target() == "/a/b;c?d=e&f");
        CHECK(u.fragment() == "g?h");
        CHECK(u.to_string() == "http://example.org:8080/a/b;c?d=e&f#g?h");
        CHECK(u.without_fragment() == url{"http://example.org:8080/a/b;c?d=e&f"});

        const url bare{"https://a"};
        CHECK(bare.is_https());
        CHECK(bare.port() == 443);
        CHECK(bare.authority() == "a");
        CHECK(bare.path() == "/");
        CHECK(bare.query() == "");
        CHECK(bare.target() == "/");
        CHECK(bare.fragment() == "");
        CHECK(bare.without_fragment() == bare);
    }
    TEST_CASE("a url is normalised, but for its percent signs") {
        CHECK(text("HTTP://EXAMPLE.Org:80") == "http://example.org/");
        CHECK(text("https://a:443/") == "https://a/");
        CHECK(text("https://a:80/") == "https://a:80/");
        CHECK(text("http://a:/b") == "http://a/b");
        CHECK(text("http://a:0080/b") == "http://a/b");
        CHECK(text("http://a/./b/../c/.") == "http://a/c/");
        CHECK(text("http://a/../../b") == "http://a/b");
        CHECK(text("http://a/b/..") == "http://a/");
        CHECK(text("http://a/%2e%2E/%7eb") == "http://a/%2e%2E/%7eb");
        CHECK(text("http://a//b//") == "http://a//b//");
        CHECK(text("http://a?b/../c") == "http://a/?b/../c");
        CHECK(text("http://a?") == "http://a/?");
        CHECK(text("http://a_b-c.d.") == "http://a_b-c.d./");
    }
    TEST_CASE("a url has an address as its host") {
        CHECK(url{"http://127.0.0.1:81/"}.host() == "127.0.0.1");
        const url u{"http://[2001:DB8::0:1]:81/"};
        CHECK(u.host() == "2001:db8::1");
        CHECK(u.authority() == "[2001:db8::1]:81");
        CHECK(u.port() == 81);
        CHECK(url{"https://[::1]"}.authority() == "[::1]");
        CHECK(url{"https://[::1]"}.port() == 443);

        const std::string number =
            "byte 7: the host ends with a number, and is not an IPv4 address of four decimal numbers";
        CHECK(error("http://127.1/") == number);
        CHECK(error("http://0x7f000001/") == number);
        CHECK(error("http://2130706433/") == number);
        CHECK(error("http://0177.0.0.1/") == number);
        CHECK(error("http://256.0.0.1/") == number);
        CHECK(error("http://a.1./") == number);
        CHECK(text("http://1.a/") == "http://1.a/");
        const std::string ipv6 = "byte 8: the text in brackets is not an IPv6 address";
        CHECK(error("http://[::1%25eth0]/") == ipv6);
        CHECK(error("http://[127.0.0.1]/") == ipv6);
        CHECK(error("http://[]/") == ipv6);
        CHECK(error("http://[::1/") == "byte 7: a [ without a ]");
        CHECK(error("http://[::1]a/") == "byte 12: no port follows the ]");
    }
    TEST_CASE("a url that is malformed is refused with the place of the fault") {
        CHECK(error("") == "byte 0: there is no scheme; a URL starts with http:// or https://");
        CHECK(error("/a") == "byte 0: there is no scheme; a URL starts with http:// or https://");
        CHECK(error("//a/b") == "byte 0: there is no scheme; a URL starts with http:// or https://");
        CHECK(error("ftp://a") == "byte 0: the scheme is neither http nor https");
        CHECK(error("example.org:80") == "byte 0: the scheme is neither http nor https");
        CHECK(error(" http://a") == "byte 0: the scheme is neither http nor https");
        CHECK(error("http:a") == "byte 5: there is no // behind the scheme");
        CHECK(error("http:/a") == "byte 5: there is no // behind the scheme");
        CHECK(error("http:///a") == "byte 7: the host is empty");
        CHECK(error("http://:80/a") == "byte 7: the host is empty");
        CHECK(error("http://me:secret@a/") ==
              "byte 16: a user or a password is not accepted; use the header Authorization");
        CHECK(error("http://a:65536") == "byte 9: the port is not a number from 1 to 65535");
        CHECK(error("http://a:0") == "byte 9: the port is not a number from 1 to 65535");
        CHECK(error("http://a:+1") == "byte 9: the port is not a number from 1 to 65535");
        CHECK(error("http://a:99999999999999999999") == "byte 9: the port is not a number from 1 to 65535");
        CHECK(error("http://a b/") == "byte 8: a character that no host has");
        CHECK(error("http://a\\b/") == "byte 8: a character that no host has");
        CHECK(error("http://a%62/") == "byte 8: the host has a %");
        CHECK(error("http://b\xc3\xbc"
                    "cher.example/") ==
              "byte 8: the host has a letter beyond ASCII; write the name in the form of IDNA, which starts with xn--");
        CHECK(text("http://xn--bcher-kva.example/") == "http://xn--bcher-kva.example/");
        CHECK(error("http://a/b c") == "byte 10: a character that is not allowed in the path; write it as %20");
        CHECK(error("http://a/\\b") == "byte 9: a character that is not allowed in the path; write it as %5C");
        CHECK(error("http://a/?b[]") == "byte 11: a character that is not allowed in the query; write it as %5B");
        CHECK(error("http://a/#b#c") == "byte 11: a character that is not allowed in the fragment; write it as %23");
        CHECK(error("http://a/\r\nb") == "byte 9: a character that is not allowed in the path; write it as %0D");
        CHECK(error(std::string_view{"http://a/\0b", 11}) ==
              "byte 9: a character that is not allowed in the path; write it as %00");
        CHECK(error("http://a/%4") == "byte 9: a % without two hexadecimal digits");
        CHECK(error("http://a/%4g") == "byte 9: a % without two hexadecimal digits");
        CHECK(error("http://a/?%") == "byte 10: a % without two hexadecimal digits");
    }
    TEST_CASE("resolve follows the examples of RFC 3986") {
        const url base{"http://a/b/c/d;p?q"};
        const auto at = [&](std::string_view reference) { return base.resolve(reference).to_string(); };
        CHECK(at("g") == "http://a/b/c/g");
        CHECK(at("./g") == "http://a/b/c/g");
        CHECK(at("g/") == "http://a/b/c/g/");
        CHECK(at("/g") == "http://a/g");
        CHECK(at("//g") == "http://g/");
        CHECK(at("?y") == "http://a/b/c/d;p?y");
        CHECK(at("g?y") == "http://a/b/c/g?y");
        CHECK(at("#s") == "http://a/b/c/d;p?q#s");
        CHECK(at("g#s") == "http://a/b/c/g#s");
        CHECK(at("g?y#s") == "http://a/b/c/g?y#s");
        CHECK(at(";x") == "http://a/b/c/;x");
        CHECK(at("g;x?y#s") == "http://a/b/c/g;x?y#s");
        CHECK(at("") == "http://a/b/c/d;p?q");
        CHECK(at(".") == "http://a/b/c/");
        CHECK(at("./") == "http://a/b/c/");
        CHECK(at("..") == "http://a/b/");
        CHECK(at("../") == "http://a/b/");
        CHECK(at("../g") == "http://a/b/g");
        CHECK(at("../..") == "http://a/");
        CHECK(at("../../") == "http://a/");
        CHECK(at("../../g") == "http://a/g");
        CHECK(at("../../../g") == "http://a/g");
        CHECK(at("../../../../g") == "http://a/g");
        CHECK(at("/./g") == "http://a/g");
        CHECK(at("/../g") == "http://a/g");
        CHECK(at("g.") == "http://a/b/c/g.");
        CHECK(at(".g") == "http://a/b/c/.g");
        CHECK(at("g..") == "http://a/b/c/g..");
        CHECK(at("..g") == "http://a/b/c/..g");
        CHECK(at("./../g") == "http://a/b/g");
        CHECK(at("./g/.") == "http://a/b/c/g/");
        CHECK(at("g/./h") == "http://a/b/c/g/h");
        CHECK(at("g/../h") == "http://a/b/c/h");
        CHECK(at("g;x=1/./y") == "http://a/b/c/g;x=1/y");
        CHECK(at("g;x=1/../y") == "http://a/b/c/y");
        CHECK(at("g?y/./x") == "http://a/b/c/g?y/./x");
        CHECK(at("g?y/../x") == "http://a/b/c/g?y/../x");
        CHECK(at("g#s/./x") == "http://a/b/c/g#s/./x");
        CHECK(at("g#s/../x") == "http://a/b/c/g#s/../x");
    }
    TEST_CASE("resolve keeps or replaces scheme, host and port as a whole") {
        const url base{"https://a:81/b?c#d"};
        CHECK(base.resolve("e").to_string() == "https://a:81/e");
        CHECK(base.resolve("e").port() == 81);
        CHECK(base.resolve("//f/g").to_string() == "https://f/g");
        CHECK(base.resolve("//f/g").port() == 443);
        CHECK(base.resolve("HTTP://f:80/g").to_string() == "http://f/g");
        CHECK(base.resolve("").to_string() == "https://a:81/b?c");
        CHECK(base.resolve("?").to_string() == "https://a:81/b?");
        CHECK_THROWS_WITH_AS(base.resolve("mailto:a@b"),
                             "weir::http::url: byte 0: the scheme is neither http nor https", std::invalid_argument);
        CHECK_THROWS_WITH_AS(base.resolve("//me@f/"),
                             "weir::http::url: byte 4: a user or a password is not accepted; use the header "
                             "Authorization",
                             std::invalid_argument);
    }
    TEST_CASE("a damaged url is refused, or is read as its own text says") {
        constexpr std::string_view sound[] = {"http://example.org:8080/a/b;c?d=e&f#g?h",
                                              "https://[2001:db8::1]:80/x%20y/../z", "http://192.0.2.1/?q",
                                              "//other.example/./a", "../b?c"};
        constexpr std::string_view bytes = "aZ09-_~%/:?#[]@.\\ \t\r\n\0\x7f\x80\xff"sv;
        const url base{"http://base.example/dir/file?query"};
        std::minstd_rand random{1};
        const auto below = [&random](std::size_t n) { return random() % n; };
        int read = 0;
        const auto check = [&](const url& u) {
            ++read;
            CHECK(url{u.to_string()} == u);
            // What goes into a request must not end its line.
            for (const std::string_view sent : {std::string_view{u.target()}, std::string_view{u.authority()}}) {
                CHECK(std::ranges::all_of(sent, [](char c) { return c > ' ' && c < '\x7f'; }));
            }
        };
        for (int i = 0; i != 20'000; ++i) {
            std::string damaged{sound[below(std::size(sound))]};
            for (std::size_t n = 1 + below(3); n != 0; --n) damaged[below(damaged.size())] = bytes[below(bytes.size())];
            try {
                check(url{damaged});
            } catch (const std::invalid_argument&) {} // refused
            try {
                check(base.resolve(damaged));
            } catch (const std::invalid_argument&) {} // refused
        }
        CHECK(read > 2000);
    }
    TEST_CASE("equal urls have equal hashes") {
        const std::unordered_set<url> seen{url{"http://A:80"}, url{"http://a/"}, url{"http://a/#b"}};
        CHECK(seen.size() == 2);
    }
    TEST_CASE("percent_encode and percent_decode are inverse to each other") {
        CHECK(weir::http::percent_encode("a b/c?d=e&f~g") == "a%20b%2Fc%3Fd%3De%26f~g");
        CHECK(weir::http::percent_decode("a%20b%2fc") == "a b/c");
        std::string all;
        for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
        CHECK(weir::http::percent_decode(weir::http::percent_encode(all)) == all);
        CHECK_THROWS_WITH_AS(weir::http::percent_decode("ab%2"),
                             "weir::http::percent_decode: byte 2: a % without two hexadecimal digits",
                             std::invalid_argument);
    }
    TEST_CASE("encode_location encodes what servers send in Location headers") {
        using weir::http::detail::encode_location;
        CHECK(encode_location("/a b/\xc3\xbc?c[]=\"d\"") == "/a%20b/%C3%BC?c%5B%5D=%22d%22");
        CHECK(encode_location("http://[::1]/{a}%20") == "http://[::1]/%7Ba%7D%20");
        CHECK(encode_location("//[::1]") == "//[::1]");
        CHECK(encode_location("") == "");
        CHECK(encode_location("/a\\\n") == "/a\\\n");
    }
}
