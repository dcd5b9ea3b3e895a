// SPDX-License-Identifier: MIT
// The client beside a redis-server with TLS.
#include <weir/redis/tls.hpp>

#include <exception>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/io/tcp.hpp>
#include <weir/redis/client.hpp>
#include <weir/task.hpp>
#include <weir/tls/context.hpp>
#include <weir/tls/error.hpp>

#include "../tls/support.hpp"
#include "real_server.hpp"

namespace redis = weir::redis;

TEST_SUITE("redis/tls") {
    TEST_CASE("a real server is reached by TLS, and its certificate is checked") {
        const support::temporary_directory directory;
        const std::string chain = directory.file("server.pem", support::pem("server.pem"));
        const std::string key = directory.file("server.key", support::pem("server.key"));
        support::redis::run([&]() -> weir::task<> {
            // A port that is free.
            auto listening = weir::listen({"127.0.0.1", 0});
            auto listener = co_await std::move(listening);
            const auto port = listener.local_endpoint().port();
            listener.close();
            support::redis::real_server server{{"--tls-port", std::to_string(port), "--tls-cert-file", chain,
                                                "--tls-key-file", key, "--tls-ca-cert-file", chain,
                                                "--tls-auth-clients", "no"}};
            co_await server.start();

            auto at = redis::options::from_url("rediss://localhost:" + std::to_string(port));
            CHECK(at.tls);
            at.reconnect.attempts = 1;
            // The system does not trust the authority of the test.
            redis::client refused{at, redis::over_tls(at)};
            try {
                co_await refused.command("PING");
                FAIL("the certificate is accepted");
            } catch (const redis::not_connected& e) {
                CHECK_THROWS_AS(std::rethrow_exception(e.cause()), weir::tls::certificate_error);
            }
            redis::client client{at, redis::over_tls(at, weir::tls::context{support::trusting()})};
            const std::string large(1'000'000, 'x');
            co_await client.command("SET", "key", large);
            CHECK(co_await client.command<std::string>("GET", "key") == large);
        });
    }
}
