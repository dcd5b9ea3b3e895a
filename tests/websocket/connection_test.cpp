// SPDX-License-Identifier: MIT
#include <weir/websocket/connection.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <websocket/handshake.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/error.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>
#include <weir/websocket/accept.hpp>
#include <weir/websocket/connect.hpp>

#include "allocations.hpp"
#include "composed.hpp"
#include "wire.hpp"

using namespace std::chrono_literals;
using namespace std::string_literals;
using support::code;
using support::frame;
using weir::testing::simulation;
namespace http = weir::http;
namespace websocket = weir::websocket;

namespace {

/// A server's end of a connection, with the client's in the hands of the test.
class talk {
public:
    explicit talk(const websocket::options& limits = {}, websocket::role own = websocket::role::server)
        : connection{std::in_place, http::upgraded_stream{support::wire_stream{client}}, own, limits} {}

    /// Reads messages into `got`, up to the end.
    void start_reading() {
        spawn(read());
        ex.run_ready();
    }
    void spawn(weir::task<> t) {
        handles_.push_back(std::make_unique<weir::join_handle<weir::task<>>>(ex.spawn(std::move(t))));
    }
    std::string answer_to(const std::string& text) {
        client.send(text);
        ex.run_ready();
        return client.received();
    }
    std::string after(weir::duration d) {
        ex.advance(d);
        return client.received();
    }
    void drop_tasks() { handles_.clear(); }

    weir::task<> send(websocket::message m) {
        try {
            auto sending = connection->send(std::move(m));
            co_await std::move(sending);
            ++sent;
        } catch (const std::exception& e) {
            refused = e.what();
        }
    }
    weir::task<> close(websocket::close_code why, std::string text) {
        auto closing = connection->close(why, std::move(text));
        co_await std::move(closing);
        ended = "closed";
    }

    support::wire client;
    weir::testing::virtual_executor ex;
    std::optional<websocket::connection> connection;
    std::string got;
    std::string ended; // "end", or an error
    bool takes = true;
    int sent = 0;
    std::string refused;

private:
    weir::task<> read() {
        try {
            while (auto m = co_await weir::next(*connection)) {
                got.append(m->type == websocket::message_type::text ? "t(" : "b(").append(m->data).append(")");
                while (!takes) co_await weir::sleep_for(1s);
            }
            ended = "end";
        } catch (const std::exception& e) {
            ended = e.what();
        }
    }

    std::vector<std::unique_ptr<weir::join_handle<weir::task<>>>> handles_;
};

/// Frames of a server, which are not masked.
std::string plain(unsigned kind, std::string payload = "", bool fin = true) {
    return frame{.code = kind, .payload = std::move(payload), .fin = fin, .masked = false};
}

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

std::string handshake(std::string_view more = "", std::string_view version = "13") {
    std::string text{"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"};
    text.append("Sec-WebSocket-Key: ").append(key).append("\r\nSec-WebSocket-Version: ").append(version);
    return text.append("\r\n").append(more).append("\r\n");
}

const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

weir::task<> echo(websocket::connection& c) {
    while (auto m = co_await weir::next(c)) {
        auto sending = c.send(*std::move(m));
        co_await std::move(sending);
    }
}

} // namespace

TEST_SUITE("websocket/connection") {
    TEST_CASE("a connection receives and sends messages") {
        talk t;
        t.start_reading();
        CHECK(t.answer_to(frame{.payload = "a"} + frame{.code = 2, .payload = "b"}) == "");
        CHECK(t.got == "t(a)b(b)");
        t.spawn(t.send({"c"}));
        CHECK(t.after(0s) == plain(1, "c"));
        t.spawn(t.send({"\xff", websocket::message_type::binary}));
        CHECK(t.after(0s) == plain(2, "\xff"));
        CHECK(t.sent == 2);
        t.spawn(t.send({"\xff"}));
        CHECK(t.after(0s) == "");
        CHECK(t.refused == "weir::websocket: a text that is not UTF-8 is sent as binary");
    }
    TEST_CASE("a connection answers pings, the last of several that wait") {
        talk t;
        t.start_reading();
        CHECK(t.answer_to(frame{.code = 9, .payload = "p"}) == plain(10, "p"));
        CHECK(t.answer_to(frame{.code = 10, .payload = "q"}) == "");
        t.client.take_data(false);
        CHECK(t.answer_to(frame{.code = 9, .payload = "1"}) == "");
        CHECK(t.answer_to(frame{.code = 9, .payload = "2"} + frame{.code = 9, .payload = "3"}) == "");
        t.client.take_data(true);
        CHECK(t.after(0s) == plain(10, "1") + plain(10, "3"));
        CHECK(t.got == "");
    }
    TEST_CASE("a close of the peer ends the stream, and is answered with its code") {
        talk t;
        t.start_reading();
        CHECK(t.answer_to(frame{.payload = "a"} + frame{.code = 8, .payload = code(4000, "why")}) ==
              plain(8, code(4000)));
        CHECK(t.client.shut_down());
        CHECK(t.ended == ""); // the peer has yet to close the connection
        t.client.end();
        t.ex.run_ready();
        CHECK(t.got == "t(a)");
        CHECK(t.ended == "end");
        CHECK(t.connection->peer_reason() == websocket::close_reason{websocket::close_code{4000}, "why"});
        CHECK(t.connection->is_closing());
        t.spawn(t.send({"c"}));
        CHECK(t.after(0s) == "");
        CHECK(t.refused == "weir::websocket: peer: closed");

        talk without_code;
        without_code.start_reading();
        CHECK(without_code.answer_to(frame{.code = 8}) == plain(8));
        without_code.after(1s); // it waits no longer for the end
        CHECK(without_code.ended == "end");
        CHECK(without_code.connection->peer_reason() == websocket::close_reason{});
    }
    TEST_CASE("close sends a close frame and waits for that of the peer") {
        talk t;
        t.spawn(t.close(websocket::close_code::going_away, "bye"));
        CHECK(t.after(0s) == plain(8, code(1001, "bye")));
        CHECK(t.answer_to(frame{.payload = "dropped"}) == "");
        CHECK(t.ended == "");
        CHECK(t.answer_to(frame{.code = 8, .payload = code(1001)}) == "");
        t.client.end();
        t.ex.run_ready();
        CHECK(t.ended == "closed");
        CHECK(t.client.shut_down());
    }
    TEST_CASE("a start of a close lets another task read up to the end") {
        talk t;
        t.start_reading();
        t.spawn(t.connection->start_close());
        CHECK(t.after(0s) == plain(8, code(1000)));
        CHECK(t.answer_to(frame{.payload = "a"} + frame{.code = 9}) == plain(10));
        CHECK(t.got == "t(a)");
        t.answer_to(frame{.code = 8, .payload = code(1000)});
        t.client.end();
        t.ex.run_ready();
        CHECK(t.ended == "end");
    }
    TEST_CASE("a close frame stands behind the messages that were sent") {
        talk t;
        t.client.take_data(false);
        const std::string large(150'000, 'x');
        t.spawn(t.send({"a"}));
        t.ex.run_ready();
        t.spawn(t.send({large}));
        t.ex.run_ready();
        CHECK(t.sent == 2);
        t.spawn(t.connection->start_close());
        t.ex.run_ready();
        t.client.take_data(true);
        CHECK(t.after(0s) == plain(1, "a") + plain(1, large.substr(0, 65536), false) +
                                 plain(0, large.substr(65536, 65536), false) + plain(0, large.substr(131072)) +
                                 plain(8, code(1000)));
    }
    TEST_CASE("a peer that does not answer a close frame is given up") {
        talk t{{.close_timeout = 3s}};
        t.start_reading();
        t.spawn(t.connection->start_close());
        t.after(2999ms);
        CHECK(t.ended == "");
        t.after(1ms);
        CHECK(t.ended == "weir::websocket: read from peer: no close frame within 3s");
    }
    TEST_CASE("close refuses codes and texts that must not be sent") {
        talk t;
        for (const unsigned bad : {0U, 999U, 1006U, 1015U, 2999U, 5000U})
            CHECK_THROWS_AS(static_cast<void>(t.connection->close(websocket::close_code(bad))), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(t.connection->close(websocket::close_code::normal, std::string(124, 'x'))),
                        std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(t.connection->close(websocket::close_code::normal, "\xff")),
                        std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(t.connection->close(websocket::close_code::no_code, "x")),
                        std::invalid_argument);
    }
    TEST_CASE("a violation of the protocol is answered with a close frame, and is an error") {
        const auto outcome = [](const std::string& input, const websocket::options& limits = {}) {
            talk t{limits};
            t.start_reading();
            const std::string answer = t.answer_to(input + std::string(1000, 'x'));
            CHECK(t.client.shut_down());
            CHECK(t.ended == "");
            t.client.end();
            t.ex.run_ready();
            REQUIRE(answer.size() == 4);
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(answer[i]); };
            return std::to_string(byte(2) << 8 | byte(3)) + " " + t.ended;
        };
        const std::string from = " weir::websocket: read from peer: ";
        CHECK(outcome(frame{.payload = "a", .masked = false}) == "1002" + from + "a frame is not masked");
        CHECK(outcome(frame{.payload = "\xff"}) == "1007" + from + "a text is not UTF-8");
        CHECK(outcome(frame{.payload = "abc"}, {.max_message = 2}) ==
              "1009" + from + "a message has more than 2 bytes");
        CHECK(outcome(frame{.payload = "abc"}, {.max_frame = 2}) == "1009" + from + "a frame has more than 2 bytes");
    }
    TEST_CASE("a connection that ends without a close frame is truncated") {
        talk t;
        t.start_reading();
        t.answer_to(frame{.payload = "a"} + frame{.payload = "b", .fin = false});
        t.client.end();
        t.ex.run_ready();
        CHECK(t.got == "t(a)");
        CHECK(t.ended == "weir::websocket: read from peer: the connection has ended without a close frame");

        talk reset;
        reset.start_reading();
        reset.client.reset();
        reset.ex.run_ready();
        CHECK(reset.ended == "read peer: Connection reset by peer");
        reset.spawn(reset.send({"c"}));
        reset.after(0s);
        CHECK(reset.refused == "weir::websocket: peer: closed");
    }
    TEST_CASE("a silent peer gets a ping, and is given up when nothing follows") {
        talk t{{.ping_interval = 10s, .pong_timeout = 5s}};
        t.start_reading();
        CHECK(t.after(9999ms) == "");
        CHECK(t.after(1ms) == plain(9));
        CHECK(t.answer_to(frame{.code = 10}) == "");
        CHECK(t.after(9999ms) == "");
        CHECK(t.after(1ms) == plain(9));
        CHECK(t.answer_to("\x81") == ""); // any byte is a sign of life
        CHECK(t.after(10s) == plain(9));
        t.after(4999ms);
        CHECK(t.ended == "");
        t.after(1ms);
        CHECK(t.ended == "weir::websocket: read from peer: nothing after a ping within 5s");

        talk never{{.ping_interval = weir::duration::max()}};
        never.start_reading();
        CHECK(never.after(1000h) == "");
        CHECK(never.ended == "");
    }
    TEST_CASE("no ping is sent, and no time runs, while the program does not read") {
        talk t{{.ping_interval = 10s, .pong_timeout = 5s}};
        t.takes = false;
        t.start_reading();
        t.answer_to(frame{.payload = "a"});
        CHECK(t.after(1h) == "");
        t.takes = true;
        t.after(1s);
        CHECK(t.after(9s) == "");
        CHECK(t.after(1s) == plain(9));
    }
    TEST_CASE("messages are read only when the program asks for them") {
        talk t;
        t.takes = false;
        t.start_reading();
        std::string many;
        for (int i = 0; i != 100'000; ++i) many += frame{.payload = "a"};
        t.answer_to(many);
        CHECK(t.got == "t(a)");
        CHECK(t.client.unread() > 650'000);
        CHECK_FALSE(t.client.read_waits());
        t.takes = true;
        t.after(1s);
        CHECK(t.got.size() == 400'000);
    }
    TEST_CASE("senders wait while the peer takes nothing") {
        talk t;
        t.client.take_data(false);
        for (int i = 0; i != 20; ++i) t.spawn(t.send({std::string(4000, 'x')}));
        t.ex.run_ready();
        CHECK(t.sent == 10); // 16 KiB are being written, and 16 KiB wait
        t.client.take_data(true);
        t.ex.run_ready();
        CHECK(t.sent == 20);
        CHECK(t.client.received().size() == 20 * 4004);
        CHECK(t.client.writes() < 20);
    }
    TEST_CASE("control frames are sent between the fragments of a long message") {
        talk t;
        t.start_reading();
        t.client.take_data(false);
        const std::string large(200'000, 'x');
        t.spawn(t.send({large}));
        t.ex.run_ready();
        t.answer_to(frame{.code = 9, .payload = "p"});
        t.client.take_data(true);
        const std::string all = t.after(0s);
        CHECK(all.find(plain(10, "p")) == 65536 + 10);
        CHECK(all.size() == 200'000 + 3 * 10 + 4 + 3);
    }
    TEST_CASE("messages of several tasks are sent whole and in order") {
        talk t;
        t.client.take_data(false);
        const std::string large(100'000, 'x');
        for (const std::string& text : {"1"s, large, "2"s, large, "3"s}) t.spawn(t.send({text}));
        t.ex.run_ready();
        t.client.take_data(true);
        const std::string sent_large = plain(1, large.substr(0, 65536), false) + plain(0, large.substr(65536));
        CHECK(t.after(0s) == plain(1, "1") + sent_large + plain(1, "2") + sent_large + plain(1, "3"));
        CHECK(t.sent == 5);
    }
    TEST_CASE("a send that is dropped before its turn sends nothing") {
        talk t;
        t.client.take_data(false);
        t.spawn(t.send({std::string(100'000, 'x')}));
        t.spawn(t.send({"dropped"}));
        t.ex.run_ready();
        t.drop_tasks();
        t.client.take_data(true);
        const std::string all = t.after(0s);
        CHECK(all.size() == 100'000 + 10 + 4); // the first message is complete
        t.spawn(t.send({"next"}));
        CHECK(t.after(0s) == plain(1, "next"));
    }
    TEST_CASE("a peer that takes no data is given up") {
        talk t{{.write_timeout = 4s}};
        t.start_reading();
        t.client.take_data(false);
        for (int i = 0; i != 3; ++i) t.spawn(t.send({std::string(20'000, 'x')}));
        t.after(3999ms);
        CHECK(t.ended == "");
        t.after(1ms);
        CHECK(t.ended == "weir::websocket: write to peer: the peer has taken no data within 4s");
        CHECK(t.refused == t.ended);
    }
    TEST_CASE("flush waits until the peer has taken all") {
        talk t;
        t.client.take_data(false);
        bool flushed = false;
        const auto run = [&]() -> weir::task<> {
            auto sending = t.connection->send("a");
            co_await std::move(sending);
            auto flushing = t.connection->flush();
            co_await std::move(flushing);
            flushed = true;
        };
        t.spawn(run());
        t.ex.run_ready();
        CHECK_FALSE(flushed);
        t.client.take_data(true);
        t.ex.run_ready();
        CHECK(flushed);
    }
    TEST_CASE("a connection that is dropped at any point closes the stream below") {
        for (int step = 0; step != 6; ++step) {
            talk t;
            if (step > 0) t.start_reading();
            if (step > 1) t.answer_to(frame{.payload = "a"} + frame{.payload = "b", .fin = false});
            if (step > 2) t.client.take_data(false);
            if (step > 3) t.spawn(t.send({std::string(200'000, 'x')}));
            if (step > 4) t.answer_to(frame{.code = 9});
            t.ex.run_ready();
            t.drop_tasks();
            t.connection.reset();
            CHECK(t.client.closed());
            t.after(1h);
        }
    }
    TEST_CASE("a message costs no allocation beside its own text") {
        talk t;
        t.spawn(echo(*t.connection));
        const std::string one = frame{.payload = "short"};
        const auto round = [&] {
            t.client.send(one);
            t.ex.run_ready();
            CHECK(t.client.writes() > 0);
            t.client.forget();
        };
        for (int i = 0; i != 100; ++i) round();
        const auto before = support::allocations();
        for (int i = 0; i != 1000; ++i) round();
        CHECK(support::allocations() - before == (WEIR_POOL_FRAMES ? 0 : 1000)); // the frames of send
        CHECK(t.client.writes() == 1100);
    }
    TEST_CASE("a connection refuses options that make no sense") {
        const auto refuses = [](const websocket::options& o) { CHECK_THROWS_AS(talk{o}, std::invalid_argument); };
        refuses({.max_message = 0});
        refuses({.max_frame = 0});
        refuses({.ping_interval = 0s});
        refuses({.pong_timeout = 0s});
        refuses({.write_timeout = 0s});
        refuses({.close_timeout = 0s});
    }

    TEST_CASE("a server accepts a handshake, with messages right behind it") {
        support::wire client;
        weir::testing::virtual_executor ex;
        std::vector<std::string> errors;
        const auto answer = [](http::request& r) { return websocket::accept(r, echo, {.protocols = {"two", "one"}}); };
        http::server_options options;
        options.date = http::date_header::omitted;
        options.on_error = [&](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                errors.emplace_back(e.what());
            }
        };
        auto handle = ex.spawn(http::serve(support::wire_stream{client}, answer, options));
        client.send(handshake("Sec-WebSocket-Protocol: one, two\r\n") + frame{.payload = "a"} + frame{.payload = "b"});
        ex.run_ready();
        CHECK(client.received() == switching + "Sec-WebSocket-Protocol: two\r\n\r\n" + plain(1, "a") + plain(1, "b"));
        client.send(frame{.code = 8, .payload = code(1000)}.text());
        ex.run_ready();
        CHECK(client.received() == plain(8, code(1000)));
        client.end();
        ex.run_ready();
        CHECK(client.closed());
        CHECK(errors.empty());
    }
    TEST_CASE("a server refuses what is no handshake") {
        const auto status = [](const std::string& request) {
            support::wire client;
            weir::testing::virtual_executor ex;
            const auto answer = [](http::request& r) { return websocket::accept(r, echo); };
            auto handle = ex.spawn(http::serve(support::wire_stream{client}, answer));
            client.send(request);
            ex.run_ready();
            return client.received().substr(9, 3);
        };
        const auto without = [](std::string_view part, std::string_view instead = "") {
            std::string text = handshake();
            return text.replace(text.find(part), part.size(), instead);
        };
        CHECK(status(handshake()) == "101");
        CHECK(status(handshake("", "8")) == "426");
        CHECK(status(without("Upgrade: WebSocket\r\n")) == "400");
        CHECK(status(without("Upgrade: WebSocket", "Upgrade: h2c")) == "400");
        CHECK(status(without("Connection: keep-alive, upgrade\r\n")) == "400");
        CHECK(status(without("GET", "POST")) == "400");
        CHECK(status(without("HTTP/1.1", "HTTP/1.0")) == "400");
        CHECK(status(without(key, "short")) == "400");
        CHECK(status(without("Sec-WebSocket-Key: " + key + "\r\n")) == "400");
        CHECK(status(handshake("Sec-WebSocket-Key: " + key + "\r\n")) == "400");
        CHECK(status(handshake("Content-Length: 1\r\n") + "x") == "500"); // a body cannot be read any more
    }
    TEST_CASE("a task that ends closes its connection, and one that fails with another code") {
        const auto run = [](std::function<weir::task<>(websocket::connection&)> f) {
            support::wire client;
            weir::testing::virtual_executor ex;
            std::string error;
            http::server_options options;
            options.on_error = [&](const std::exception_ptr& e) {
                try {
                    std::rethrow_exception(e);
                } catch (const std::exception& x) {
                    error = x.what();
                }
            };
            const auto answer = [&](http::request& r) { return websocket::accept(r, f); };
            auto handle = ex.spawn(http::serve(support::wire_stream{client}, answer, options));
            client.send(handshake());
            ex.run_ready();
            const std::string all = client.received();
            CHECK(all.substr(all.size() - 4, 2) == "\x88\x02");
            const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(all[all.size() - i]); };
            client.send(frame{.code = 8}.text());
            client.end();
            ex.run_ready();
            CHECK(client.closed());
            return std::to_string(byte(2) << 8 | byte(1)) + error;
        };
        CHECK(run([](websocket::connection&) -> weir::task<> { co_return; }) == "1000");
        CHECK(run([](websocket::connection&) -> weir::task<> {
                  co_await weir::yield();
                  throw std::runtime_error{"broken"};
              }) == "1011broken");
    }

    TEST_CASE("a client makes a handshake, and refuses an answer that is not its own") {
        const auto outcome = [](auto change, std::vector<std::string> protocols = {}) {
            support::wire server;
            weir::testing::virtual_executor ex;
            std::string result;
            websocket::connect_options o;
            o.headers.add("Origin", "http://b");
            o.protocols = std::move(protocols);
            o.connector = [&](http::url) -> weir::task<http::connection> {
                co_return http::connection{support::wire_stream{server}};
            };
            const auto run = [&]() -> weir::task<> {
                try {
                    auto connecting = websocket::connect("ws://a:81/chat", o);
                    websocket::connection c = co_await std::move(connecting);
                    const auto m = co_await weir::next(c);
                    result = "got " + m.value().data + c.protocol();
                } catch (const std::exception& e) {
                    result = e.what();
                }
            };
            auto handle = ex.spawn(run());
            ex.run_ready();
            const std::string request = server.received();
            CHECK(request.starts_with("GET /chat HTTP/1.1\r\nHost: a:81\r\nOrigin: http://b\r\nUpgrade: websocket\r\n"
                                      "Connection: Upgrade\r\nSec-WebSocket-Key: "));
            const std::string sent_key = request.substr(request.find("-Key: ") + 6, 24);
            std::string answer{"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"};
            answer.append("Sec-WebSocket-Accept: ").append(websocket::detail::accept_key(sent_key)).append("\r\n\r\n");
            change(answer);
            server.send(answer.append(plain(1, "hello")));
            ex.run_ready();
            ex.advance(10s);
            return result;
        };
        const auto replaced = [&](std::string_view part, std::string_view instead) {
            return outcome([&](std::string& a) { a.replace(a.find(part), part.size(), instead); });
        };
        const std::string with = "weir::websocket: handshake with peer: ";
        CHECK(outcome([](std::string&) {}) == "got hello");
        CHECK(replaced("upgrade: WebSocket", "a: b") == with + "the answer has no `Upgrade: websocket`");
        CHECK(replaced("connection: upgrade", "a: b") == with + "the answer has no `Connection: Upgrade`");
        CHECK(replaced("Accept: ", "Accept: x") == with + "the answer is not the one to this key");
        CHECK(replaced("Sec-WebSocket-Accept: ", "a: ") == with + "the answer is not the one to this key");
        const auto add = [](std::string_view line) {
            return [line](std::string& a) { a.insert(a.find("upgrade: "), line); };
        };
        CHECK(outcome(add("Sec-WebSocket-Extensions: permessage-deflate\r\n")) ==
              with + "the answer has an extension, which was not offered");
        CHECK(outcome(add("Sec-WebSocket-Protocol: x\r\n")) == with + "the answer has a protocol that was not offered");
        CHECK(outcome(add("Sec-WebSocket-Protocol: x\r\n"), {"y", "x"}) == "got hellox");
        CHECK(replaced("101 Switching Protocols", "403 Forbidden") ==
              "weir::http: upgrade at http://a:81: the status is 403");
        CHECK(outcome([](std::string& a) {
                  a = "";
                  a.reserve(0);
                  a.append("HTTP/1.1 1");
              }).starts_with("weir::"));
    }
    TEST_CASE("connect refuses what makes no sense, and gives up in time") {
        const auto refuses = [](std::string_view to, websocket::connect_options o = {}) {
            CHECK_THROWS_AS(weir::run(websocket::connect(to, std::move(o))), std::invalid_argument);
        };
        refuses("http://a");
        refuses("a");
        refuses("ws://");
        refuses("wss://a"); // by_tcp makes no TLS
        refuses("ws://a", {.connector = nullptr});
        refuses("ws://a", {.timeout = 0s});
        refuses("ws://a", {.protocols = {"a b"}});
        refuses("ws://a", {.headers = {{"Sec-WebSocket-Key", "x"}}});

        weir::testing::virtual_executor ex;
        std::string result;
        const auto run = [&]() -> weir::task<> {
            websocket::connect_options o;
            o.connector = [](http::url) -> weir::task<http::connection> {
                co_await weir::sleep_for(1h);
                throw std::logic_error{"too late"};
            };
            try {
                auto connecting = websocket::connect("ws://a", std::move(o));
                static_cast<void>(co_await std::move(connecting));
            } catch (const weir::timed_out& e) {
                result = e.what();
            }
        };
        auto handle = ex.spawn(run());
        ex.advance(10s);
        CHECK(result == "weir::websocket: connect to http://a: no connection within 10s");
    }
    TEST_CASE("messages arrive whole and in order, or the connection fails, whatever happens to it") {
        weir::testing::simulation_options options;
        options.network.reset = 0.0005;
        options.network.short_transfer = 0.3;
        options.network.longest_latency = 2ms;
        int completed = 0;
        int failed = 0;
        weir::testing::for_each_seed(200, options, [&](simulation& sim) {
            const std::size_t before = sim.descriptors();
            const auto serve = [&]() -> weir::task<> {
                const weir::endpoint any{"10.0.0.1", 80};
                auto listener = co_await weir::listen(any);
                const auto handler = [](http::request& r) { return websocket::accept(r, echo); };
                auto answer = [&](weir::tcp_stream s) { return http::serve(std::move(s), handler); };
                co_await (weir::accept(std::move(listener)) | weir::map_async_unordered(100, answer) | weir::drain());
            };
            const auto text = [](int i) { return std::string(static_cast<std::size_t>(i * i % 977 * 100), 'x'); };
            const auto send_all = [&](websocket::connection& c) -> weir::task<> {
                for (int i = 0; i != 50; ++i) {
                    auto sending = c.send(text(i));
                    co_await std::move(sending);
                }
                auto closing = c.start_close();
                co_await std::move(closing);
            };
            const auto receive_all = [&](websocket::connection& c) -> weir::task<> {
                int n = 0;
                while (const auto m = co_await weir::next(c)) {
                    if (m->data != text(n++)) throw std::logic_error{"another message"};
                }
                if (n != 50) throw std::logic_error{"a message is missing"};
            };
            const auto ask = [&]() -> weir::task<> {
                try {
                    auto connecting = websocket::connect("ws://10.0.0.1/");
                    websocket::connection c = co_await std::move(connecting);
                    auto both = weir::when_all(send_all(c), receive_all(c));
                    co_await std::move(both);
                    ++completed;
                } catch (const std::logic_error&) {
                    throw;
                } catch (const std::exception&) {
                    ++failed;
                }
            };
            {
                auto server = sim.spawn(serve());
                sim.run(ask());
            }
            sim.run(weir::sleep_for(10s));
            if (sim.descriptors() != before) throw std::logic_error{"a descriptor is left open"};
        });
        CHECK(completed > 50);
        CHECK(failed > 10);
    }
}
