// SPDX-License-Identifier: MIT
#include <weir/http/compression.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/http/client.hpp>
#include <weir/http/error.hpp>
#include <weir/http/exchange.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support.hpp"
#include "wire.hpp"

#ifdef WITH_ZLIB
#include <zlib.h>
#endif

using weir::testing::virtual_executor;
namespace http = weir::http;

namespace {

struct outcome {
    std::string head; // the headers
    std::string body;
    std::string error;
    bool truncated = false;
    bool too_large = false;

    friend bool operator==(const outcome&, const outcome&) = default;
};

weir::task<> read(support::wire& server, outcome& result, std::string method, std::uint64_t most) {
    try {
        http::client_request request{std::move(method), http::url{"http://a"}};
        auto exchanging = http::exchange(support::wire_stream{server}, std::move(request));
        auto r = co_await std::move(exchanging);
        auto decoded = http::decompressed(std::move(r), most);
        support::append(result.head, decoded.headers);
        auto reading =
            decoded.body() | weir::for_each([&](const weir::bytes& part) { result.body.append(part.view()); });
        co_await std::move(reading);
    } catch (const http::bad_compression& e) {
        result.error = e.what();
        result.truncated = e.reason() == http::compression_fault::truncated;
    } catch (const http::message_too_large& e) {
        result.error = e.what();
        result.too_large = true;
    } catch (const std::exception& e) {
        result.error = e.what();
    }
}

/// Reads a response with this Content-Encoding, whose body arrives in these parts.
outcome decode(std::string_view coding, const std::vector<std::string_view>& parts, std::uint64_t most = 1 << 30,
               std::string method = "GET") {
    support::wire server;
    virtual_executor ex;
    outcome result;
    auto reading = ex.spawn(read(server, result, std::move(method), most));
    std::string head{"HTTP/1.1 200 OK\r\nX: y\r\nContent-Encoding: "};
    server.send(head.append(coding).append("\r\n\r\n"));
    for (const std::string_view part : parts) {
        server.send(part);
        ex.run_ready();
    }
    server.end();
    ex.run_ready();
    return result;
}

#ifdef WITH_ZLIB
/// @param bits  as zlib has them: 31 for gzip, 15 for deflate, -15 for deflate without a header
std::string compress(std::string_view text, int bits) {
    z_stream z{};
    REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string result(deflateBound(&z, text.size()) + 100, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(result.data());
    z.avail_out = static_cast<uInt>(result.size());
    REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    result.resize(z.total_out);
    deflateEnd(&z);
    return result;
}
constexpr int gzip = 31;
constexpr int deflate_format = 15;
#endif

} // namespace

TEST_SUITE("http/compression") {
    TEST_CASE("a response without a known coding is returned as it is") {
        CHECK(decode("br", {"abc"}) == outcome{" X=<y> Content-Encoding=<br>", "abc", "", false, false});
        CHECK(decode("gzip, gzip", {"abc"}).body == "abc");
        CHECK(decode("identity", {"abc"}).body == "abc");
    }
#ifdef WITH_ZLIB
    TEST_CASE("a body in gzip or deflate is decoded, however it is split") {
        CHECK(http::has_zlib());
        const std::string text = "hello, hello, hello, hello, and some more";
        for (const int bits : {gzip, deflate_format, -15}) {
            const std::string data = compress(text, bits);
            const std::string_view coding = bits == gzip ? "gzip" : "Deflate";
            const outcome whole = decode(coding, {data});
            CHECK(whole == outcome{" X=<y>", text, "", false, false});
            for (std::size_t at = 1; at != data.size(); ++at) {
                const std::string_view view = data;
                CHECK(decode(coding, {view.substr(0, at), view.substr(at)}) == whole);
            }
            CHECK(decode(coding, support::split_every(data, 1)) == whole);
        }
        CHECK(decode("x-gzip", {compress("", gzip)}) == outcome{" X=<y>", "", "", false, false});
    }
    TEST_CASE("a long body is decoded in parts") {
        std::string text;
        for (int i = 0; text.size() < 5'000'000; ++i) text.append(std::to_string(i));
        const std::string data = compress(text, gzip);
        CHECK(decode("gzip", {data}).body == text);
        CHECK(decode("gzip", support::split_every(data, 999)).body == text);
    }
    TEST_CASE("an empty body is no error, whatever its coding") {
        CHECK(decode("gzip", {}) == outcome{" X=<y>", "", "", false, false});
        CHECK(decode("gzip", {}, 100, "HEAD") == outcome{" X=<y>", "", "", false, false});
    }
    TEST_CASE("a compressed body that is cut off is an error") {
        for (const int bits : {gzip, deflate_format}) {
            const std::string data = compress("hello, hello, hello", bits);
            for (std::size_t n = 1; n != data.size(); ++n) {
                const outcome cut = decode(bits == gzip ? "gzip" : "deflate", {std::string_view{data}.substr(0, n)});
                CHECK(cut.truncated);
                CHECK(cut.error == std::string{"weir::http: read from peer: "} + (bits == gzip ? "gzip" : "deflate") +
                                       ": the data is truncated");
            }
        }
    }
    TEST_CASE("a compressed body with a wrong byte is an error, or the byte does not matter") {
        const std::string text = "hello, hello, hello";
        const std::string data = compress(text, gzip);
        for (std::size_t n = 0; n != data.size(); ++n) {
            for (int bit = 0; bit != 8; ++bit) {
                std::string changed = data;
                changed[n] = static_cast<char>(changed[n] ^ (1 << bit));
                const outcome result = decode("gzip", {changed});
                INFO(n);
                const bool fails = !result.error.empty();
                CHECK((fails || result.body == text));
                if (n >= 10) CHECK(fails); // behind the header
            }
        }
        CHECK(decode("gzip", {"this is no gzip"}).error == "weir::http: read from peer: gzip: incorrect header check");
        CHECK_FALSE(decode("gzip", {"this is no gzip"}).truncated);
    }
    TEST_CASE("several members of gzip are one body, and nothing else may follow") {
        const std::string two = compress("ab", gzip) + compress("cd", gzip);
        CHECK(decode("gzip", {two}).body == "abcd");
        CHECK(decode("gzip", support::split_every(two, 1)).body == "abcd");
        CHECK_FALSE(decode("gzip", {two + "x"}).error.empty());
        CHECK(decode("deflate", {compress("ab", deflate_format) + "x"}).error ==
              "weir::http: read from peer: deflate: something follows the end");
    }
    TEST_CASE("a small body that is large when it is decoded is refused at the limit") {
        const std::string bomb = compress(std::string(100 << 20, '\0'), gzip);
        CHECK(bomb.size() < 200'000);
        const outcome result = decode("gzip", {bomb}, 1 << 20);
        CHECK(result.too_large);
        CHECK(result.error == "weir::http: read from peer: the decoded body has more than 1048576 bytes");
        CHECK(result.body.size() <= 1 << 20);
        CHECK(decode("gzip", {compress("abc", gzip)}, 3).body == "abc");
        CHECK(decode("gzip", {compress("abcd", gzip)}, 3).too_large);
    }
    TEST_CASE("a client asks for compressed responses and decodes them") {
        support::wire server;
        virtual_executor ex;
        http::client_options options;
        options.compression = http::compression::accepted;
        options.connector = [&](const http::url&) -> weir::task<http::connection> {
            co_return http::connection{support::wire_stream{server}};
        };
        const http::client client{options};
        std::string body = compress("hello", gzip);
        std::string head{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "};
        server.send(head.append(std::to_string(body.size())).append("\r\n\r\n").append(body));
        auto run = [&]() -> weir::task<std::string> {
            auto getting = client.get("http://a");
            auto r = co_await std::move(getting);
            CHECK(r.headers.empty());
            auto reading = r.text();
            co_return co_await std::move(reading);
        };
        CHECK(ex.run(run()) == "hello");
        CHECK(server.received() == "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate\r\n\r\n");
        CHECK(client.idle() == 1);
        client.close_idle();
    }
#else
    TEST_CASE("a library without zlib refuses to decode") {
        CHECK_FALSE(http::has_zlib());
        CHECK(decode("gzip", {"abc"}).error == "weir::http: this library was built without zlib");
        http::client_options options;
        options.compression = http::compression::accepted;
        CHECK_THROWS_WITH_AS(http::client{options},
                             "weir::http::client: compression is accepted, but this library was built without zlib",
                             std::invalid_argument);
    }
#endif
}
