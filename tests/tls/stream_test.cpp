// SPDX-License-Identifier: MIT
#include <weir/tls/stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <weir/executor/sleep.hpp>
#include <weir/io/limited_stream.hpp>
#include <weir/io/tcp.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/lines.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
namespace tls = weir::tls;

static_assert(weir::byte_stream<tls::stream<weir::tcp_stream>>);
static_assert(weir::byte_stream<tls::stream<tls::stream<weir::tcp_stream>>>);
static_assert(weir::byte_stream<weir::limited_stream<tls::stream<weir::tcp_stream>>>);

namespace {

using secure = tls::stream<weir::tcp_stream>;

struct two_ends {
    weir::tcp_stream client;
    weir::tcp_stream server;
};

weir::task<two_ends> connect_both() {
    const weir::endpoint at{"10.0.0.1", 443};
    auto listener = co_await weir::listen(at);
    auto both = weir::when_all(weir::tcp_connect(at), listener.accept());
    auto [here, there] = co_await both;
    co_return two_ends{std::move(here), std::move(there)};
}

struct two_secure_ends {
    secure client;
    secure server;
};

weir::task<two_secure_ends> secure_both(tls::context of_server, tls::context of_client,
                                        std::string host = "server.test") {
    auto ends = co_await connect_both();
    auto both = weir::when_all(tls::client(std::move(ends.client), host, of_client),
                               tls::server(std::move(ends.server), of_server));
    auto [client, server] = co_await both;
    co_return two_secure_ends{std::move(client), std::move(server)};
}

template <class S>
weir::task<std::string> read_all(S& from) {
    std::string all;
    std::array<char, 5000> buffer;
    while (const std::size_t n = co_await from.read(buffer)) all.append(buffer.data(), n);
    co_return all;
}

template <class S>
weir::task<> write_and_end(S& to, std::string what) {
    co_await to.write(what);
    co_await to.shutdown_write();
}

/// What an operation fails with, or "".
template <class A>
weir::task<std::string> failure_of(A operation) {
    try {
        co_await std::move(operation);
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "";
}

/// Handshakes, and then reads to the end. The server says first that it has nothing to say: a server that has refused a
/// client closes the connection, which loses its alert if there is something that it has not read.
template <class A>
weir::task<std::string> failure_of_use(A handshake, bool is_server) {
    try {
        auto s = co_await std::move(handshake);
        if (is_server) co_await s.shutdown_write();
        co_await read_all(s);
        if (!is_server) co_await s.shutdown_write();
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "";
}

struct failures {
    std::string client;
    std::string server;
};

failures failures_of(const tls::context& of_server, const tls::context& of_client, std::string host = "server.test") {
    simulation sim{1};
    auto ends = sim.run(connect_both());
    auto client = failure_of_use(tls::client(std::move(ends.client), std::move(host), of_client), false);
    auto server = failure_of_use(tls::server(std::move(ends.server), of_server), true);
    auto both = weir::when_all(std::move(client), std::move(server));
    auto [c, s] = sim.run(std::move(both));
    CHECK(sim.descriptors() == 0);
    return {c, s};
}

/// A peer of a session that is OpenSSL itself, with TLS 1.2, and can do what weir never does.
class raw_peer {
public:
    enum class kind { client, server };

    explicit raw_peer(kind what) : context_{SSL_CTX_new(TLS_method()), SSL_CTX_free} {
        const support::temporary_directory files;
        const std::string certificate = files.file("server.pem", support::pem("server.pem"));
        const std::string key = files.file("server.key", support::pem("server.key"));
        CHECK(SSL_CTX_use_certificate_chain_file(context_.get(), certificate.c_str()) == 1);
        CHECK(SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM) == 1);
        SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        BIO_set_mem_eof_return(SSL_get_rbio(ssl()), -1);
        if (what == kind::client) {
            SSL_set_connect_state(ssl());
        } else {
            SSL_set_accept_state(ssl());
        }
    }

    SSL* ssl() const { return ssl_.get(); }
    std::string take_output() const {
        std::string output(BIO_ctrl_pending(SSL_get_wbio(ssl())), '\0');
        if (!output.empty()) BIO_read(SSL_get_wbio(ssl()), output.data(), static_cast<int>(output.size()));
        return output;
    }
    void handshake(tls::detail::session& other) const {
        for (bool here = false, there = false; !here || !there;) {
            here = SSL_do_handshake(ssl()) == 1;
            other.receive(take_output());
            there = other.handshake();
            if (std::string output; other.take_output(output))
                BIO_write(SSL_get_rbio(ssl()), output.data(), static_cast<int>(output.size()));
        }
    }
    bool certificate_is_for(const char* host) const {
        return X509_check_host(SSL_get0_peer_certificate(ssl()), host, 0, 0, nullptr) == 1;
    }

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

std::string random_text(simulation& sim, std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(sim.random()());
    return text;
}

/// The messages start alike: with the name of the peer, which is an address.
bool ends_with(const std::string& message, const std::string& end) {
    INFO(message);
    CHECK(message.starts_with("weir::tls: "));
    CHECK(message.find("10.0.0.1:") != message.npos);
    CHECK(message.ends_with(end));
    return message.ends_with(end);
}

} // namespace

TEST_SUITE("tls/stream") {
    TEST_CASE("tls carries bytes both ways at once, over a network that splits them anywhere") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        weir::testing::for_each_seed(
            20, {.network = {.longest_latency = 1ms, .short_transfer = 0.5}}, [&](simulation& sim) {
                auto ends = sim.run(secure_both(server, client));
                CHECK(ends.client.version() == "TLSv1.3");
                CHECK(ends.server.server_name() == "server.test");
                CHECK(ends.client.peer_certificate().starts_with("-----BEGIN CERTIFICATE-----"));
                CHECK(ends.server.peer_certificate() == "");
                const std::string there = random_text(sim, 300'000);
                const std::string back = random_text(sim, 200'000);
                auto all = weir::when_all(write_and_end(ends.client, there), read_all(ends.server),
                                          write_and_end(ends.server, back), read_all(ends.client));
                auto [a, got_there, b, got_back] = sim.run(std::move(all));
                CHECK(got_there == there);
                CHECK(got_back == back);
            });
    }

    TEST_CASE("tls takes records that arrive byte by byte") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(connect_both());
        auto both = weir::when_all(tls::client(support::byte_by_byte{std::move(ends.client)}, "server.test", client),
                                   tls::server(support::byte_by_byte{std::move(ends.server)}, server));
        auto [c, s] = sim.run(std::move(both));
        const std::string text = random_text(sim, 20'000);
        auto all = weir::when_all(write_and_end(c, text), read_all(s));
        CHECK(std::get<1>(sim.run(std::move(all))) == text);
        auto back = weir::when_all(write_and_end(s, text), read_all(c));
        CHECK(std::get<1>(sim.run(std::move(back))) == text);
    }

    TEST_CASE("tls runs inside tls, and under lines") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(secure_both(server, client));
        auto both = weir::when_all(tls::client(std::move(ends.client), "127.0.0.1", client),
                                   tls::server(std::move(ends.server), server));
        auto [c, s] = sim.run(std::move(both));
        CHECK(s.server_name() == ""); // an address is no name
        std::vector<std::string> got;
        auto all = weir::when_all(write_and_end(c, "one\ntwo\n"),
                                  weir::lines(std::move(s)) |
                                      weir::for_each([&](std::string_view l) { got.emplace_back(l); }));
        sim.run(std::move(all));
        CHECK(got == std::vector<std::string>{"one", "two"});
    }

    TEST_CASE("a client refuses a certificate that is expired, for another host, self-signed, or revoked") {
        const auto with = [](const char* name) { return tls::context{support::with_certificate(name)}; };
        const tls::context trusting{support::trusting()};
        auto revoking = support::trusting();
        revoking.revoked = support::pem("revoked.crl");

        struct {
            const char* certificate;
            tls::context client;
            const char* host;
            const char* client_says;
            const char* server_says;
        } const cases[] = {
            {"server", trusting, "server.test", "", ""},
            {"server", trusting, "127.0.0.1", "", ""},
            {"server", tls::context{revoking}, "server.test", "", ""},
            {"revoked", trusting, "server.test", "", ""},
            {"expired", trusting, "server.test", "certificate has expired", "certificate expired"},
            {"other", trusting, "server.test", "hostname mismatch", "bad certificate"},
            {"server", trusting, "127.0.0.2", "IP address mismatch", "bad certificate"},
            {"self_signed", trusting, "server.test", "self-signed certificate", "unknown ca"},
            {"server", tls::context::of_system(), "server.test", "unable to get local issuer certificate",
             "unknown ca"},
            {"revoked", tls::context{revoking}, "server.test", "certificate revoked", "certificate revoked"},
        };
        for (const auto& c : cases) {
            CAPTURE(c.certificate);
            CAPTURE(c.host);
            const failures got = failures_of(with(c.certificate), c.client, c.host);
            if (c.client_says[0] == '\0') {
                CHECK(got.client == "");
                CHECK(got.server == "");
                continue;
            }
            CHECK(ends_with(got.client, c.client_says));
            CHECK(ends_with(got.server, c.server_says)); // the client has sent an alert
        }
        auto off = support::trusting();
        off.verify = tls::verification::off;
        CHECK(failures_of(with("self_signed"), tls::context{off}).client == "");
    }

    TEST_CASE("a refused certificate is a certificate_error, and an empty host is refused") {
        simulation sim{1};
        auto both = secure_both(tls::context{support::with_certificate("expired")}, tls::context{support::trusting()});
        CHECK_THROWS_AS(sim.run(std::move(both)), tls::certificate_error);
        auto ends = sim.run(connect_both());
        CHECK_THROWS_AS(tls::client(std::move(ends.client), ""), std::invalid_argument);
        CHECK_THROWS_AS(tls::client(std::move(ends.server), std::string("a\0b", 3)), std::invalid_argument);
    }

    TEST_CASE("a server asks for the certificates of its clients") {
        auto server = support::with_certificate("server");
        server.authorities = support::pem("root.pem");
        server.clients = tls::client_certificates::required;
        const tls::context required{server};
        server.clients = tls::client_certificates::optional;
        const tls::context optional{server};
        const tls::context without{support::trusting()};
        const auto with = [](const char* name) {
            auto o = support::with_certificate(name);
            o.authorities = support::pem("root.pem");
            return tls::context{o};
        };

        const failures missing = failures_of(required, without);
        CHECK(ends_with(missing.server, "peer did not return a certificate"));
        CHECK(ends_with(missing.client, "certificate required"));
        server.authorities.clear(); // those of the system are for clients
        CHECK_THROWS_AS(tls::context{server}, std::invalid_argument);
        CHECK(failures_of(optional, without).server == "");
        const failures unknown = failures_of(required, with("self_signed"));
        CHECK(ends_with(unknown.server, "self-signed certificate"));
        CHECK(ends_with(unknown.client, "unknown ca"));
        CHECK(ends_with(failures_of(optional, with("expired")).server, "certificate has expired"));

        simulation sim{1};
        auto ends = sim.run(secure_both(required, with("client")));
        CHECK(support::pem("client.pem").starts_with(ends.server.peer_certificate()));
    }

    TEST_CASE("a client resumes the session of its last connection to a host") {
        tls::context server{support::with_certificate("server")};
        tls::context client{support::trusting()};
        const auto resumed = [&](const std::string& host) {
            simulation sim{1};
            auto ends = sim.run(secure_both(server, client, host));
            CHECK(ends.client.resumed() == ends.server.resumed());
            // The tickets of TLS 1.3 arrive behind the handshake.
            auto end = weir::when_all(write_and_end(ends.server, "x"), read_all(ends.client));
            sim.run(std::move(end));
            return ends.client.resumed();
        };
        CHECK_FALSE(resumed("server.test"));
        CHECK(resumed("server.test"));
        CHECK(resumed("server.test"));
        CHECK_FALSE(resumed("localhost"));
        client.reload(support::trusting());
        CHECK_FALSE(resumed("server.test"));
        CHECK(resumed("server.test"));
        server.reload(support::with_certificate("server"));
        CHECK_FALSE(resumed("server.test"));

        auto none = support::trusting();
        none.sessions = 0;
        client.reload(none);
        CHECK_FALSE(resumed("server.test"));
        CHECK_FALSE(resumed("server.test"));
    }

    TEST_CASE("a context that is reloaded shows its new certificate, and earlier connections continue") {
        tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto before = sim.run(secure_both(server, client));
        server.reload(support::with_certificate("other"));
        CHECK(failures_of(server, client, "other.test").client == "");
        CHECK(ends_with(failures_of(server, client).client, "hostname mismatch"));
        auto broken = support::with_certificate("server");
        broken.key = support::pem("other.key");
        CHECK_THROWS_AS(server.reload(broken), tls::error);
        CHECK(failures_of(server, client, "other.test").client == ""); // an error has changed nothing
        auto all = weir::when_all(write_and_end(before.client, "still here"), read_all(before.server));
        CHECK(std::get<1>(sim.run(std::move(all))) == "still here");
    }

    TEST_CASE("a server chooses its certificate by the host that the client asks for") {
        auto options = support::with_certificate("server");
        options.hosts.emplace_back("other.test", tls::context{support::with_certificate("other")});
        const tls::context server{options};
        const tls::context client{support::trusting()};
        CHECK(failures_of(server, client, "Other.test").client == "");
        CHECK(failures_of(server, client, "server.test").client == "");
        CHECK(failures_of(server, client, "127.0.0.1").client == "");
        // An absolute name. Other clients send the dot, too.
        CHECK(failures_of(server, client, "other.test.").client == "");
        raw_peer dotted{raw_peer::kind::client};
        CHECK(SSL_set_tlsext_host_name(dotted.ssl(), "other.test.") == 1);
        auto session = tls::detail::session::server(server, "peer");
        dotted.handshake(session);
        CHECK(dotted.certificate_is_for("other.test"));
    }

    TEST_CASE("a server asks for certificates as the context of the requested host says") {
        auto strict = support::with_certificate("other");
        strict.authorities = support::pem("root.pem");
        strict.clients = tls::client_certificates::required;
        auto options = support::with_certificate("server");
        options.hosts.emplace_back("other.test", tls::context{strict});
        const tls::context server{options};
        const tls::context without{support::trusting()};
        auto known = support::with_certificate("client");
        known.authorities = support::pem("root.pem");
        CHECK(failures_of(server, without, "server.test").server == "");
        CHECK(ends_with(failures_of(server, without, "other.test").server, "peer did not return a certificate"));
        CHECK(failures_of(server, tls::context{known}, "other.test").server == "");
    }

    TEST_CASE("tls agrees on a protocol") {
        const auto chosen = [](std::vector<std::string> servers, std::vector<std::string> clients) {
            auto s = support::with_certificate("server");
            s.protocols = std::move(servers);
            auto c = support::trusting();
            c.protocols = std::move(clients);
            simulation sim{1};
            auto ends = sim.run(secure_both(tls::context{s}, tls::context{c}));
            CHECK(ends.client.protocol() == ends.server.protocol());
            return ends.client.protocol();
        };
        CHECK(chosen({"h2", "http/1.1"}, {"http/1.1", "h2"}) == "h2");
        CHECK(chosen({"http/1.1"}, {"h2", "http/1.1"}) == "http/1.1");
        CHECK(chosen({}, {"h2"}) == "");
        CHECK(chosen({"h2"}, {}) == "");
        CHECK_THROWS_WITH_AS(chosen({"h2"}, {"http/1.1"}), doctest::Contains("no application protocol"), tls::error);
        CHECK_THROWS_AS(chosen({""}, {}), std::invalid_argument);
        CHECK_THROWS_AS(chosen({std::string(256, 'x')}, {}), std::invalid_argument);
    }

    TEST_CASE("the end of a connection without a close_notify is an error") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(secure_both(server, client));
        sim.run(ends.server.write("a part"));
        std::array<char, 100> buffer;
        CHECK(sim.run(ends.client.read(buffer)) == 6);
        sim.run(ends.server.inner().shutdown_write());
        for (int i = 0; i != 2; ++i) {
            const std::string message = sim.run(failure_of(ends.client.read(buffer)));
            CHECK(ends_with(message, "has ended without a close_notify"));
        }
        CHECK_THROWS_AS(sim.run(ends.client.read(buffer)), tls::truncated);
        sim.run(ends.client.write("still heard"));
        CHECK(sim.run(ends.server.read(buffer)) == 11);
    }

    TEST_CASE("a direction that has ended leaves the other one open") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(secure_both(server, client));
        std::array<char, 100> buffer;
        sim.run(ends.client.shutdown_write());
        CHECK(sim.run(ends.server.read(buffer)) == 0);
        CHECK(sim.run(ends.server.read(buffer)) == 0);
        sim.run(ends.server.write("answer"));
        CHECK(sim.run(ends.client.read(buffer)) == 6);
        CHECK(ends_with(sim.run(failure_of(ends.client.write("more"))), "protocol is shutdown"));
    }

    TEST_CASE("bytes that are no TLS are refused") {
        simulation sim{1};
        auto ends = sim.run(connect_both());
        auto both = weir::when_all(
            failure_of(tls::server(std::move(ends.server), tls::context{support::with_certificate("server")})),
            write_and_end(ends.client, "GET / HTTP/1.1\r\n\r\n"), read_all(ends.client));
        CHECK(ends_with(std::get<0>(sim.run(std::move(both))), "http request"));

        auto silent = sim.run(connect_both());
        auto ended = weir::when_all(failure_of(tls::client(std::move(silent.client), "server.test")),
                                    write_and_end(silent.server, ""));
        CHECK(ends_with(std::get<0>(sim.run(std::move(ended))), "has ended in the handshake"));
    }

    TEST_CASE("a record that was changed on its way is refused") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(secure_both(server, client));
        std::string record{"\x17\x03\x03\x00\x20", 5};
        record.append(32, 'x');
        sim.run(ends.client.inner().write(record));
        std::array<char, 100> buffer;
        CHECK(ends_with(sim.run(failure_of(ends.server.read(buffer))), "decryption failed or bad record mac"));
        CHECK(ends_with(sim.run(failure_of(ends.client.read(buffer))), "bad record mac"));
    }

    TEST_CASE("errors of options name the option, and show nothing of a key") {
        const auto failure = [](tls::context_options o) {
            try {
                tls::context{o};
            } catch (const tls::error& e) {
                return std::string{e.what()};
            }
            return std::string{};
        };
        auto o = support::with_certificate("server");
        o.key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
        CHECK(failure(o) == "weir::tls::context: the key: not PEM, or encrypted");
        o.key = support::pem("encrypted.key");
        CHECK(failure(o) == "weir::tls::context: the key: not PEM, or encrypted");
        o.key = support::pem("other.key");
        CHECK(failure(o) == "weir::tls::context: the key: key values mismatch");
        o.key = support::pem("ed25519.key");
        CHECK(failure(o) == "weir::tls::context: the key: key type mismatch");
        o.key = "";
        CHECK(failure(o) == "weir::tls::context: the key: not PEM, or encrypted");
        o.certificates = "secret";
        CHECK(failure(o) == "weir::tls::context: the certificates: not PEM");
        o = support::trusting();
        o.authorities += "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
        CHECK(failure(o).starts_with("weir::tls::context: the authorities: "));
        CHECK(failure(o).find("c2VjcmV0") == std::string::npos);
        o = support::trusting();
        o.revoked = "nothing";
        CHECK(failure(o) == "weir::tls::context: the lists of revoked certificates: not PEM");
    }

    TEST_CASE("a peer that asks for renegotiation without end, and reads no answer, is refused") {
        raw_peer server{raw_peer::kind::server};
        auto session = tls::detail::session::client(tls::context{support::trusting()}, "server.test", "peer");
        server.handshake(session);
        std::array<char, 100> buffer;
        const auto ask = [&] {
            CHECK(SSL_renegotiate(server.ssl()) == 1);
            CHECK(SSL_do_handshake(server.ssl()) == 1); // sends a HelloRequest
            session.receive(server.take_output());
            CHECK(session.read(buffer) == std::nullopt);
        };
        std::string answer;
        for (int i = 0; i != 10; ++i) ask();
        CHECK(session.take_output(answer)); // warnings
        const auto flood = [&] {
            for (int i = 0; i != 10'000; ++i) ask();
        };
        CHECK_THROWS_WITH_AS(flood(), "weir::tls: read from peer: the peer does not read the answers to its requests",
                             tls::error);
    }

    TEST_CASE("a writer waits for a peer that does not read") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1, {.network = {.buffer = 10'000}}};
        auto ends = sim.run(secure_both(server, client));
        const std::string much(1'000'000, 'x');
        std::size_t written = 0;
        const auto write_blocks = [&]() -> weir::task<> {
            for (; written != 100; ++written) co_await ends.client.write(much);
        };
        auto writing = sim.spawn(write_blocks());
        sim.run(weir::sleep_for(60s));
        CHECK(written == 0);
        std::vector<char> buffer(100'000);
        for (std::size_t got = 0; got < 100 * much.size();) got += sim.run(ends.server.read(buffer));
        sim.run(std::move(writing));
        CHECK(written == 100);
    }

    TEST_CASE("handshakes have a limit of time and number, as any operation") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        weir::concurrency_limit handshakes{1, {.max_queued = 10}};
        auto silent = sim.run(connect_both());
        auto ends = sim.run(connect_both());
        auto first = handshakes.run(weir::with_timeout(1s, tls::server(std::move(silent.server), server)));
        auto second = handshakes.run(weir::with_timeout(1s, tls::server(std::move(ends.server), server)));
        std::vector<std::string> order;
        const auto noting = [&](std::string name, auto handshake) -> weir::task<> {
            const std::string failure = co_await failure_of(std::move(handshake));
            order.push_back(name + ": " + failure);
        };
        auto all = weir::when_all(noting("first", std::move(first)), noting("second", std::move(second)),
                                  noting("client", tls::client(std::move(ends.client), "server.test", client)));
        sim.run(std::move(all));
        CHECK(order.size() == 3);
        CHECK(order[0].starts_with("first: weir::with_timeout"));
        CHECK(sim.elapsed() < 2s);
    }

    TEST_CASE("a handshake may be dropped at any moment, and leaves nothing") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        for (int steps = 0; steps != 60; ++steps) {
            simulation sim{1, {.network = {.short_transfer = 0.9}}};
            auto ends = sim.run(connect_both());
            {
                auto c = sim.spawn(tls::client(std::move(ends.client), "server.test", client));
                auto s = sim.spawn(tls::server(std::move(ends.server), server));
                for (int i = 0; i != steps; ++i) sim.turn(sim.now() + 1ms);
            }
            sim.run(weir::sleep_for(1s));
            CHECK(sim.descriptors() == 0);
        }
    }

    TEST_CASE("reads that are dropped lose nothing, and writes that are dropped break no record") {
        std::size_t dropped = 0;
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        weir::testing::for_each_seed(50, {.network = {.buffer = 20'000, .short_transfer = 0.3}}, [&](simulation& sim) {
            auto ends = sim.run(secure_both(server, client));
            const std::string text = random_text(sim, 100'000);
            std::string got;
            const auto impatient = [&]() -> weir::task<> {
                std::array<char, 3000> buffer;
                for (;;) {
                    const auto limit = std::chrono::microseconds{sim.random()() % 3000};
                    std::size_t size = 0;
                    try {
                        size = co_await weir::with_timeout(limit, ends.server.read(buffer));
                    } catch (const weir::timed_out&) {
                        continue;
                    }
                    if (size == 0) break;
                    got.append(buffer.data(), size);
                }
            };
            auto all = weir::when_all(write_and_end(ends.client, text), impatient());
            sim.run(std::move(all));
            CHECK(got == text);

            // The other way: each byte that arrives is one that was to be written.
            const auto fickle = [&]() -> weir::task<> {
                const std::string block(50'000, 'x');
                for (int i = 0; i != 20; ++i) {
                    const auto limit = std::chrono::milliseconds{sim.random()() % 10};
                    try {
                        co_await weir::with_timeout(limit, ends.server.write(block));
                    } catch (const weir::timed_out&) {
                        ++dropped;
                    }
                }
                co_await ends.server.shutdown_write();
            };
            auto back = weir::when_all(fickle(), read_all(ends.client));
            const std::string heard = std::get<1>(sim.run(std::move(back)));
            CHECK(heard == std::string(heard.size(), 'x'));
            CHECK(heard.size() <= 1'000'000);
        });
        CHECK(dropped > 10);
    }

    TEST_CASE("a dropped write does not hold back what it had encrypted while a read waits") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1, {.network = {.buffer = 5000}}};
        auto ends = sim.run(secure_both(server, client));
        std::array<char, 100> buffer;
        auto reading = sim.spawn(ends.client.read(buffer));
        const std::string block(20'000, 'x');
        {
            auto writing = sim.spawn(ends.client.write(block));
            sim.run(weir::sleep_for(1s));
            CHECK_FALSE(writing.finished());
        }
        std::string got(20'000, '\0');
        std::size_t size = 0;
        while (size < got.size()) {
            std::array<char, 30'000> to;
            size += sim.run(weir::with_timeout(1s, ends.server.read(to)));
        }
        CHECK(size == got.size());
        sim.run(ends.server.write("x"));
        CHECK(sim.run(std::move(reading)) == 1);
    }

    TEST_CASE("a failed connection fails reads and writes with its own error") {
        const tls::context server{support::with_certificate("server")};
        const tls::context client{support::trusting()};
        simulation sim{1};
        auto ends = sim.run(secure_both(server, client));
        sim.network().reset("10.0.0.1");
        std::array<char, 100> buffer;
        CHECK_THROWS_AS(sim.run(ends.client.read(buffer)), std::system_error);
        CHECK_THROWS_AS(sim.run(ends.client.write("x")), std::system_error);
        CHECK_THROWS_WITH_AS(sim.run(ends.client.write("x")), doctest::Contains("an earlier write has failed"),
                             tls::error);
    }
}
