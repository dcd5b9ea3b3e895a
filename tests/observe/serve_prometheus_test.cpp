// SPDX-License-Identifier: MIT
#include <weir/observe/serve_prometheus.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <temporary_directory.hpp>
#include <weir/executor/executor.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/prometheus.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

namespace {

/// Sends a request and returns everything that is answered.
template <class Connection>
weir::task<std::string> talk(Connection connection, std::string request) {
    co_await connection.write(request);
    co_await connection.shutdown_write();
    std::string answer;
    std::array<char, 1024> block{};
    while (const std::size_t size = co_await connection.read(block)) answer.append(block.data(), size);
    co_return answer;
}

/// A server of metrics on the loopback interface.
struct served {
    explicit served(weir::serve_prometheus_options options = {}) {
        const weir::endpoint any{"127.0.0.1", 0};
        auto listener = ex.run(weir::listen(any));
        here = listener.local_endpoint();
        server.emplace(ex.spawn(weir::serve_prometheus(std::move(listener), std::move(options))));
    }

    std::string ask(std::string request) { return ex.run(talk(ex.run(weir::tcp_connect(here)), std::move(request))); }

    weir::executor ex;
    weir::endpoint here;
    std::optional<weir::join_handle<weir::task<>>> server;
};

bool begins(const std::string& text, const std::string& with) { return text.substr(0, with.size()) == with; }
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

} // namespace

TEST_SUITE("observe/serve_prometheus") {
    TEST_CASE("serve_prometheus answers a scrape with the metrics of its executor") {
        weir::serve_prometheus_options options{.executor_name = "ingest"};
        options.more = [] { return std::string{"orders_total 3\n"}; };
        served s{std::move(options)};
        s.ex.run(weir::iota(0, 5) | weir::meter("parsed") | weir::drain());
        const std::string answer = s.ask("GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n");
        CHECK(begins(answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        const std::string body = body_of(answer);
        CHECK(answer.find("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") != std::string::npos);
        CHECK(body.find("\nweir_stage_items_total{executor=\"ingest\",stage=\"parsed\"} 5\n") != std::string::npos);
        CHECK(body.substr(body.size() - 15) == "orders_total 3\n");
        const std::string head = s.ask("HEAD /metrics HTTP/1.0\r\n\r\n");
        CHECK(begins(head, "HTTP/1.1 200 OK\r\n"));
        CHECK(body_of(head).empty());
    }

    TEST_CASE("serve_prometheus refuses what is no scrape, and continues") {
        weir::serve_prometheus_options options;
        options.more = []() -> std::string { throw std::runtime_error{"out of order"}; };
        served s{std::move(options)};
        CHECK(begins(s.ask("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 "));
        CHECK(begins(s.ask("POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 "));
        CHECK(begins(s.ask("GET /metrics\r\n\r\n"), "HTTP/1.1 400 "));
        CHECK(begins(s.ask("GET"), "HTTP/1.1 400 "));
        CHECK(begins(s.ask(""), "HTTP/1.1 400 "));
        CHECK(begins(s.ask("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), "HTTP/1.1 400 "));
        CHECK(begins(s.ask("GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 500 "));
        CHECK(s.server.value().finished() == false);
    }

    TEST_CASE("serve_prometheus over a Unix socket") {
        const support::temporary_directory folder;
        const std::string path = folder / "metrics.sock";
        weir::executor ex;
        auto listener = ex.run(weir::unix_listen(path));
        const auto server = ex.spawn(weir::serve_prometheus(std::move(listener)));
        const std::string answer =
            ex.run(talk(ex.run(weir::unix_connect(path)), std::string{"GET /metrics HTTP/1.1\r\n\r\n"}));
        CHECK(answer.find("\nweir_executor_turns_total{executor=\"main\"} ") != std::string::npos);
        const auto load = ex.stats();
        CHECK(load.io_in_flight == 1); // the next accept
        CHECK(load.io_completed >= 4); // accept, connect, and a read on either side
        CHECK(load.io_completed + load.io_cancelled + load.io_in_flight == load.io_started);
    }

    TEST_CASE("serve_prometheus with a port listens on the loopback interface") {
        weir::executor ex;
        weir::endpoint here;
        std::optional<weir::join_handle<weir::task<>>> server;
        do { // until no other process has taken the port meanwhile
            const weir::endpoint any{"127.0.0.1", 0};
            here = ex.run(weir::listen(any)).local_endpoint();
            server.emplace(ex.spawn(weir::serve_prometheus(here.port())));
            ex.turn(ex.now());
        } while (server->finished());
        const std::string answer =
            ex.run(talk(ex.run(weir::tcp_connect(here)), std::string{"GET /metrics HTTP/1.1\r\n\r\n"}));
        CHECK(begins(answer, "HTTP/1.1 200 OK\r\n"));
    }
}
