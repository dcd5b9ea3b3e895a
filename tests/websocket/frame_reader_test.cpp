// SPDX-License-Identifier: MIT
#include <websocket/frame_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <websocket/handshake.hpp>

#include "composed.hpp"

using namespace std::string_literals;
using support::code;
using support::frame;
namespace websocket = weir::websocket;
using websocket::detail::frame_reader;
using websocket::detail::frame_step;

namespace {

/// What a reader finds in a text that arrives in parts, and the error that ends it.
template <class Size>
std::string found(std::string_view text, Size longest, websocket::role own, std::size_t max_message,
                  std::size_t max_frame) {
    frame_reader reader{own, "peer", max_message, max_frame};
    std::string result;
    try {
        while (!text.empty()) {
            const std::string part{text.substr(0, longest())};
            text.remove_prefix(part.size());
            std::span<const char> input{part};
            for (;;) {
                const frame_step step = reader.next(input);
                if (step == frame_step::more) break;
                switch (step) {
                case frame_step::message:
                    result.append(reader.message().type == websocket::message_type::text ? "text(" : "binary(");
                    result.append(reader.message().data).append(")");
                    break;
                case frame_step::ping:
                    result.append("ping(").append(reader.payload()).append(")");
                    break;
                case frame_step::pong:
                    result.append("pong(").append(reader.payload()).append(")");
                    break;
                default:
                    result.append("close(").append(std::to_string(static_cast<unsigned>(reader.reason().code)));
                    return result.append(reader.reason().text).append(")");
                }
            }
            CHECK(input.empty());
        }
    } catch (const websocket::protocol_error& e) {
        const std::string_view what{e.what()};
        result.append("error ").append(std::to_string(static_cast<unsigned>(e.code())));
        result.append(what.substr(what.rfind(':')));
    } catch (const websocket::message_too_large& e) {
        const std::string_view what{e.what()};
        result.append("error 1009").append(what.substr(what.rfind(':')));
    }
    return result;
}

/// The same for a text that arrives whole and byte by byte.
std::string read(const std::string& text, websocket::role own = websocket::role::server, std::size_t max_message = 300,
                 std::size_t max_frame = 200) {
    const std::string result = found(text, [] { return std::size_t{1} << 30; }, own, max_message, max_frame);
    CHECK(found(text, [] { return std::size_t{1}; }, own, max_message, max_frame) == result);
    return result;
}

const std::string malformed_end = "error 1002: its length, or a control frame that is long or fragmented";

} // namespace

TEST_SUITE("websocket/frame_reader") {
    TEST_CASE("a reader of frames finds messages, fragments, pings and closes") {
        CHECK(read(frame{.payload = "Hello"}) == "text(Hello)");
        CHECK(read(frame{.payload = "Hello", .masked = false}, websocket::role::client) == "text(Hello)");
        CHECK(read("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s) == "text(Hello)"); // of RFC 6455, 5.7
        CHECK(read(frame{.code = 2, .payload = "\0\xff"s}) == "binary(\0\xff)"s);
        CHECK(read(frame{}) == "text()");
        CHECK(read(frame{.code = 2}) == "binary()");
        CHECK(read(frame{.payload = "Hel", .fin = false} + frame{.code = 0, .payload = "lo"}) == "text(Hello)");
        CHECK(read(frame{.fin = false} + frame{.code = 0, .fin = false} + frame{.code = 0}) == "text()");
        CHECK(read(frame{.payload = "a"} + frame{.code = 2, .payload = "b"} + frame{.payload = "c"}) ==
              "text(a)binary(b)text(c)");
        CHECK(read(frame{.payload = "Hel", .fin = false} + frame{.code = 9, .payload = "p"} + frame{.code = 10} +
                   frame{.code = 0, .payload = "lo"}) == "ping(p)pong()text(Hello)");
        CHECK(read(frame{.code = 9, .payload = std::string(125, 'p')}) == "ping(" + std::string(125, 'p') + ")");
        const std::string longest(200, 'a');
        CHECK(read(frame{.payload = longest}) == "text(" + longest + ")");
        const std::string large(100'000, 'b');
        CHECK(read(frame{.payload = large}, websocket::role::server, 100'000, 100'000) == "text(" + large + ")");
        CHECK(read(frame{.code = 8}) == "close(1005)");
        CHECK(read(frame{.code = 8, .payload = code(1000, "bye \xc3\xa4")}) == "close(1000bye \xc3\xa4)");
        CHECK(read(frame{.code = 8, .payload = code(1000)} + frame{.payload = "ignored"}) == "close(1000)");
        CHECK(read(frame{.payload = "a", .fin = false} + frame{.code = 8}) == "close(1005)");
    }
    TEST_CASE("a reader of frames refuses what RFC 6455 forbids") {
        for (const unsigned bit : {1U, 2U, 4U, 7U})
            CHECK(read(frame{.payload = "a", .reserved = bit}) == "error 1002: a frame has a reserved bit");
        CHECK(read(frame{.code = 9, .reserved = 4}) == "error 1002: a frame has a reserved bit");
        for (const unsigned unknown : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U})
            CHECK(read(frame{.code = unknown, .payload = "a"}) == "error 1002: a frame has an unknown opcode");
        CHECK(read(frame{.payload = "a", .masked = false}) == "error 1002: a frame is not masked");
        CHECK(read(frame{.masked = false}) == "error 1002: a frame is not masked");
        CHECK(read(frame{.code = 8, .masked = false}) == "error 1002: a frame is not masked");
        CHECK(read(frame{.payload = "a"}, websocket::role::client) == "error 1002: a frame is masked");
        for (const unsigned control : {8U, 9U, 10U}) {
            CHECK(read(frame{.code = control, .fin = false}) == malformed_end);
            CHECK(read(frame{.code = control, .payload = std::string(126, 'a')}) == malformed_end);
            CHECK(read(frame{.code = control, .payload = "a", .length_bytes = 2}) == malformed_end);
        }
        CHECK(read(frame{.code = 0, .payload = "a"}) == "error 1002: a continuation without a message");
        CHECK(read(frame{.payload = "a"} + frame{.code = 0}) == "text(a)error 1002: a continuation without a message");
        CHECK(read(frame{.payload = "a", .fin = false} + frame{.payload = "b"}) ==
              "error 1002: a message within another one");
        CHECK(read(frame{.payload = "a", .fin = false} + frame{.code = 2}) ==
              "error 1002: a message within another one");
        CHECK(read(frame{.payload = std::string(125, 'a'), .length_bytes = 2}) == malformed_end);
        CHECK(read(frame{.payload = std::string(150, 'a'), .length_bytes = 8}) == malformed_end);
        CHECK(read(frame{.says = std::uint64_t{1} << 63}) == malformed_end);
    }
    TEST_CASE("a reader of frames refuses close frames with codes that must not be sent") {
        CHECK(read(frame{.code = 8, .payload = "a"}) == "error 1002: a close frame with half a code");
        for (const unsigned bad : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U})
            CHECK(read(frame{.code = 8, .payload = code(bad)}) ==
                  "error 1002: a close frame with a code that must not be sent");
        for (const unsigned good : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U, 1014U,
                                    3000U, 3999U, 4000U, 4999U})
            CHECK(read(frame{.code = 8, .payload = code(good)}) == "close(" + std::to_string(good) + ")");
        CHECK(read(frame{.code = 8, .payload = code(1000, "\xff")}) ==
              "error 1007: the text of a close frame is not UTF-8");
        CHECK(read(frame{.code = 8, .payload = code(1000, "\xc3")}) ==
              "error 1007: the text of a close frame is not UTF-8");
    }
    TEST_CASE("a reader of frames checks that texts are UTF-8, over all fragments") {
        const auto bad = "error 1007: a text is not UTF-8";
        CHECK(read(frame{.payload = "\xc3", .fin = false} + frame{.code = 0, .payload = "\xa4"}) == "text(\xc3\xa4)");
        CHECK(read(frame{.payload = "\xf0\x9f", .fin = false} + frame{.code = 9} + frame{.code = 0, .fin = false} +
                   frame{.code = 0, .payload = "\x8d\xba"}) == "ping()text(\xf0\x9f\x8d\xba)");
        for (const char* const text :
             {"\xff", "\xc3", "\xc3(", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"})
            CHECK(read(frame{.payload = text}) == bad);
        CHECK(read(frame{.payload = "\xc3", .fin = false} + frame{.code = 0}) == bad);
        CHECK(read(frame{.payload = "\xc3", .fin = false} + frame{.code = 0, .payload = "b"}) == bad);
        CHECK(read(frame{.payload = "\xc3", .fin = false} + frame{.code = 0, .payload = "\xa4\xff", .fin = false}) ==
              bad);
        CHECK(read(frame{.code = 2, .payload = "\xff"}) == "binary(\xff)");
        CHECK(read(frame{.payload = "\xc3", .fin = false} + frame{.code = 8}) == "close(1005)");
    }
    TEST_CASE("a reader of frames has limits for a frame and for a message") {
        CHECK(read(frame{.payload = std::string(201, 'a')}) == "error 1009: a frame has more than 200 bytes");
        CHECK(read(frame{.payload = "a", .says = 1ULL << 62}) == "error 1009: a frame has more than 200 bytes");
        const frame most{.payload = std::string(200, 'a'), .fin = false};
        const frame rest{.code = 0, .payload = std::string(100, 'b')};
        const frame more{.code = 0, .payload = std::string(101, 'b')};
        CHECK(read(most + rest) == "text(" + std::string(200, 'a') + std::string(100, 'b') + ")");
        CHECK(read(most + more) == "error 1009: a message has more than 300 bytes");
        CHECK(read(rest.text().empty() ? "" : most + frame{.code = 9} + more) ==
              "ping()error 1009: a message has more than 300 bytes");
    }
    TEST_CASE("a reader of frames finds the same in random bytes, however they are split") {
        std::mt19937 random{1};
        const std::vector<std::string> pieces{frame{.payload = "ab"},
                                              frame{.payload = "\xc3", .fin = false},
                                              frame{.code = 0, .payload = "\xa4"},
                                              frame{.code = 0, .fin = false},
                                              frame{.code = 9, .payload = "p"},
                                              frame{.code = 2, .payload = "\xff"},
                                              frame{.code = 2, .payload = std::string(150, 'x'), .fin = false}};
        for (int round = 0; round != 3000; ++round) {
            std::string text;
            for (std::size_t n = random() % 8; n != 0; --n) text.append(pieces[random() % pieces.size()]);
            for (std::size_t n = random() % 3; n != 0 && !text.empty(); --n)
                text[random() % text.size()] = static_cast<char>(random() & 0xff);
            CAPTURE(round);
            const std::string whole = read(text);
            REQUIRE(found(text, [&] { return 1 + random() % 50; }, websocket::role::server, 300, 200) == whole);
        }
    }
    TEST_CASE("frames that are written are read back") {
        std::mt19937 random{2};
        for (const auto own : {websocket::role::client, websocket::role::server}) {
            const auto other = own == websocket::role::client ? websocket::role::server : websocket::role::client;
            for (const std::size_t size : {0U, 1U, 4U, 125U, 126U, 4095U, 4096U, 4097U, 65535U, 65536U, 100'000U}) {
                std::string data(size, '\0');
                for (char& c : data) c = static_cast<char>(random() & 0xff);
                std::string text;
                websocket::detail::append_frame(text, own, websocket::detail::opcode::binary, data);
                const std::size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;
                CHECK(text.size() == head + size + (own == websocket::role::client ? 4 : 0));
                CHECK(read(text, other, 100'000, 100'000) == "binary(" + data + ")");
            }
        }
    }
    TEST_CASE("the answer to a key is that of RFC 6455") {
        CHECK(websocket::detail::accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        const std::string key = websocket::detail::make_key();
        CHECK(websocket::detail::is_key(key));
        CHECK(websocket::detail::make_key() != key);
        CHECK(websocket::detail::is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for (const char* const bad : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZ===",
                                      "dGhlIHNhbXBsZSBub25j_Q==", "dGhlIHNhbXBsZSBub25jZQab"})
            CHECK_FALSE(websocket::detail::is_key(bad));
    }
}
