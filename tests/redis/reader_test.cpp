// SPDX-License-Identifier: MIT
#include <weir/redis/detail/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/limit_exceeded.hpp>
#include <weir/redis/error.hpp>

using weir::redis::value;
using weir::redis::detail::reader;
using kind = weir::redis::value::kind;

namespace {

std::vector<value> read_all(reader& r, std::string_view bytes, std::size_t block) {
    std::vector<value> all;
    for (std::size_t at = 0; at < bytes.size(); at += block) {
        const std::string_view part = bytes.substr(at, block);
        r.feed(std::span{part.data(), part.size()});
        for (value v; r.next(v);) all.push_back(std::move(v));
    }
    return all;
}

std::vector<value> read_all(std::string_view bytes, std::size_t block = 1 << 20) {
    reader r{"peer", 1 << 20};
    return read_all(r, bytes, block);
}

template <class E>
std::string failure(std::string_view bytes, std::size_t limit = 1 << 20) {
    reader r{"10.0.0.1:6379", limit};
    try {
        static_cast<void>(read_all(r, bytes, 1));
    } catch (const E& e) {
        return e.what();
    }
    return "";
}

value text(std::string_view t) { return value{kind::string, std::string{t}}; }
value number(std::int64_t n) { return value{n}; }

const std::string every_kind = std::string{"+OK\r\n-ERR wrong\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n"} +
                               std::string{"$6\r\na\r\nb\0c\r\n", 12} +
                               "*3\r\n*2\r\n:1\r\n$1\r\nx\r\n+QUEUED\r\n*1\r\n*1\r\n$-1\r\n";

std::vector<value> expected_of_every_kind() {
    std::vector<value> first{number(1), text("x")};
    std::vector<value> innermost(1);
    std::vector<value> last{value{std::move(innermost)}};
    std::vector<value> whole{value{std::move(first)}, value{kind::status, "QUEUED"}, value{std::move(last)}};
    return {value{kind::status, "OK"},
            value{kind::error, "ERR wrong"},
            number(-42),
            value{},
            value{},
            text(""),
            value{std::vector<value>{}},
            text({"a\r\nb\0c", 6}),
            value{std::move(whole)}};
}

} // namespace

TEST_SUITE("redis/reader") {
    TEST_CASE("a reader reads replies of every kind, in blocks of every size") {
        const std::string& bytes = every_kind;
        for (std::size_t block = 1; block <= bytes.size(); ++block) {
            INFO(block);
            CHECK(read_all(bytes, block) == expected_of_every_kind());
        }
    }

    TEST_CASE("a reader reads replies that are split at any point") {
        const std::string& bytes = every_kind;
        for (std::size_t at = 0; at <= bytes.size(); ++at) {
            reader r{"peer", 1 << 20};
            std::vector<value> all = read_all(r, std::string_view{bytes}.substr(0, at), 1 << 20);
            for (value& v : read_all(r, std::string_view{bytes}.substr(at), 1 << 20)) all.push_back(std::move(v));
            CHECK(all == expected_of_every_kind());
        }
    }

    TEST_CASE("a large array is read") {
        std::string bytes = "*100000\r\n";
        for (int i = 0; i != 100000; ++i) bytes += ":" + std::to_string(i) + "\r\n";
        const auto all = read_all(bytes, 16 * 1024);
        REQUIRE(all.size() == 1);
        REQUIRE(all[0].items().size() == 100000);
        CHECK(all[0].items()[99999] == number(99999));
    }

    TEST_CASE("a violation of the protocol is an error that names the peer") {
        CHECK(failure<weir::redis::protocol_error>("HTTP/1.0 400\r\n") ==
              "weir::redis: 10.0.0.1:6379: Protocol error, got \"H\" as reply type byte");
        for (const std::string bytes :
             {":12x\r\n", "$-2\r\n", "*-2\r\n", "$99999999999999999999\r\n", "*4294967297\r\n", "%1\r\n+a\r\n+b\r\n"}) {
            INFO(bytes);
            CHECK(failure<weir::redis::protocol_error>(bytes).starts_with("weir::redis: 10.0.0.1:6379: "));
        }
    }

    TEST_CASE("a number of items that the peer announces reserves no memory") {
        reader r{"peer", 1000};
        CHECK(read_all(r, "*2147483647\r\n:1\r\n", 1 << 20).empty());
    }

    TEST_CASE("a reply that is too large is refused before it is whole") {
        const std::string at_limit = "$10\r\n0123456789\r\n"; // 17 bytes
        CHECK(failure<weir::limit_exceeded>(at_limit, 17) == "");
        const std::string what = "weir::redis: 10.0.0.1:6379: a reply is larger than 17 bytes";
        CHECK(failure<weir::limit_exceeded>("$1000000\r\n0123456789", 17) == what);
        CHECK(failure<weir::limit_exceeded>("*100\r\n:1\r\n:2\r\n:3\r\n", 17) == what);
        CHECK(failure<weir::limit_exceeded>("+" + std::string(20, 'x'), 17) == what);
        // The limit is that of each reply, not of several.
        CHECK(failure<weir::limit_exceeded>(at_limit + at_limit + at_limit, 17) == "");
    }

    TEST_CASE("a reply that is too deep is refused") {
        const auto nested = [](int depth) {
            std::string bytes;
            for (int i = 0; i != depth; ++i) bytes += "*1\r\n";
            return bytes + ":1\r\n";
        };
        CHECK(read_all(nested(reader::max_depth)).size() == 1);
        CHECK(failure<weir::limit_exceeded>(nested(reader::max_depth + 1)) ==
              "weir::redis: 10.0.0.1:6379: a reply has more than 7 arrays within each other");
    }

    TEST_CASE("a reader bears any bytes") {
        std::mt19937 random{1};
        const std::string alphabet = "+-:$*0123456789\r\n\r\n\r\nab";
        int whole = 0;
        int failed = 0;
        for (int round = 0; round != 20000; ++round) {
            std::string bytes;
            if (round % 2 == 0) {
                for (auto n = random() % 40; n != 0; --n) bytes += alphabet[random() % alphabet.size()];
            } else {
                bytes = every_kind;
                for (auto n = random() % 4; n != 0; --n) bytes[random() % bytes.size()] = alphabet[random() % 17];
            }
            reader r{"peer", 100};
            try {
                whole += read_all(r, bytes, 1 + random() % 8).empty() ? 0 : 1;
            } catch (const weir::redis::protocol_error&) {
                ++failed;
            } catch (const weir::limit_exceeded&) {
                ++failed;
            }
        }
        CHECK(whole > 1000);
        CHECK(failed > 1000);
    }
}
