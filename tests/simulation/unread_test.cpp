// SPDX-License-Identifier: MIT
// Reads that are given up in a simulation, at any moment: nothing is lost, and nothing comes twice.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>
#include <weir/io/unix.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/read.hpp>
#include <weir/testing/simulation.hpp>

#include "raw_io.hpp"
#include "seeds.hpp"

using namespace std::chrono_literals;
using kind = weir::io_request::kind;
using weir::testing::simulation;
using weir::testing::simulation_options;

namespace {

/// Operations that are cancelled were often done just before.
constexpr simulation_options often_late{.network = {.short_transfer = 0.1}, .cancel_late = 0.5};

/// Some ticks.
weir::duration some_time(simulation& sim, unsigned most) {
    return 100us * static_cast<std::int64_t>(1 + sim.random()() % most);
}

weir::task<> write_numbers(simulation& sim, weir::tcp_stream to, std::string& sent) {
    for (int i = 0; i != 100; ++i) {
        const std::string piece = std::to_string(i) + ' ';
        sent += piece;
        co_await to.write(piece);
        co_await weir::sleep_for(some_time(sim, 40));
    }
    co_await to.shutdown_write();
}

/// Some of it, within a short time; false at the end.
weir::task<bool> read_some(weir::tcp_stream& from, std::string& got, std::size_t most) {
    std::array<char, 64> buffer{};
    const std::size_t n = co_await from.read(std::span(buffer).first(most));
    got.append(buffer.data(), n);
    co_return n != 0;
}
weir::task<bool> read_some(weir::tcp_stream& from, std::string& got) {
    auto stream = weir::read(from);
    const auto piece = co_await weir::next(stream);
    if (piece) got += *piece;
    co_return piece.has_value();
}

weir::task<> read_with_timeouts(simulation& sim, weir::tcp_stream from, std::string& got, int& late) {
    for (;;) {
        bool more = true;
        try {
            const weir::duration limit = some_time(sim, 10);
            if (sim.random()() % 2 == 0) {
                more = co_await weir::with_timeout(limit, read_some(from, got, 1 + sim.random()() % 8));
            } else {
                more = co_await weir::with_timeout(limit, read_some(from, got));
            }
        } catch (const weir::timed_out&) {
            ++late;
        }
        if (!more) co_return;
    }
}

/// Waits until a request is answered, and drops it.
weir::task<> drop_answered(simulation& sim, weir::io_request request) {
    weir::io_operation o;
    o.start(sim, request);
    while (o.in_flight()) co_await weir::sleep_for(1ms);
}

struct descriptors {
    weir::detail::descriptor to;
    weir::detail::descriptor from;
};

descriptors open_pair(simulation& sim, bool pipe) {
    int to = -1;
    int from = -1;
    REQUIRE((pipe ? sim.io().open_pipe(from, to) : sim.io().sockets().unix_pair(from, to)) >= 0);
    return {{to, sim.io().closer()}, {from, sim.io().closer()}};
}

int transfer(simulation& sim, kind what, int fd, std::string& data) {
    return sim.run(support::raw_io{{.what = what, .fd = fd, .data = data.data(), .size = data.size()}});
}

std::string read_all(simulation& sim, int fd, std::size_t size, std::size_t most = 64) {
    std::string all;
    while (all.size() < size) {
        std::string buffer(most, '\0');
        const int n = transfer(sim, kind::read, fd, buffer);
        REQUIRE(n > 0);
        all += buffer.substr(0, static_cast<std::size_t>(n));
    }
    return all;
}

} // namespace

TEST_SUITE("simulation/unread") {
    TEST_CASE("simulated dropped read: timeouts that race with arriving data lose nothing and duplicate nothing") {
        int late = 0;
        weir::testing::for_each_seed(support::seeds(200), often_late, [&](simulation& sim) {
            std::string sent;
            std::string got;
            const auto both = [&]() -> weir::task<> {
                const weir::endpoint any_port{"127.0.0.1", 0};
                auto listener = co_await weir::listen(any_port);
                auto client = co_await weir::tcp_connect(listener.local_endpoint());
                auto server = co_await listener.accept();
                auto writing = sim.spawn(write_numbers(sim, std::move(client), sent));
                co_await read_with_timeouts(sim, std::move(server), got, late);
                co_await std::move(writing);
            };
            sim.run(both());
            if (got != sent) throw std::logic_error{"read " + got + " of " + sent};
        });
        CHECK(late > 1000);
    }

    TEST_CASE("simulated dropped read: the next read returns the data that a dropped read had taken") {
        for (const kind what : {kind::receive, kind::read, kind::receive_bytes}) {
            for (const bool pipe : {false, true}) {
                simulation sim{1};
                const auto [to, from] = open_pair(sim, pipe);
                std::string data = "0123456789";
                REQUIRE(transfer(sim, kind::write, to.get(), data) == 10);
                std::array<char, 64> buffer{};
                weir::bytes bytes;
                void* const place = what == kind::receive_bytes ? static_cast<void*>(&bytes) : buffer.data();
                for (const std::size_t size : {8U, 64U, 3U}) {
                    sim.run(drop_answered(sim, {.what = what, .fd = from.get(), .data = place, .size = size}));
                }
                data = "abc";
                REQUIRE(transfer(sim, kind::write, to.get(), data) == 3);
                CHECK(read_all(sim, from.get(), 13, 2) == "0123456789abc");
            }
        }
    }

    TEST_CASE("simulated dropped read: the next read of a file starts where the dropped read started") {
        simulation sim{1};
        auto f = sim.run(weir::open("/file", weir::open_mode::create));
        sim.run(f.write_at(0, "0123456789"));
        std::array<char, 4> buffer{};
        CHECK(read_all(sim, f.native_handle(), 3, 3) == "012");
        const weir::io_request next{.what = kind::read, .fd = f.native_handle(), .data = buffer.data(), .size = 4};
        sim.run(drop_answered(sim, next));
        weir::io_request at = next;
        at.offset = 1;
        sim.run(drop_answered(sim, at));
        CHECK(read_all(sim, f.native_handle(), 7) == "3456789");
    }

    TEST_CASE("simulated dropped read: a datagram is received whole with its sender, unless it did not fit") {
        simulation sim{1};
        auto a = sim.run(weir::udp_bind({"127.0.0.1", 0}));
        auto b = sim.run(weir::udp_bind({"127.0.0.1", 0}));
        std::array<char, 64> buffer{};
        weir::endpoint from;
        weir::io_message message;
        message.data = buffer.data();
        message.from = &from;
        const auto receive_and_drop = [&](std::size_t size) {
            message.size = size;
            sim.run(drop_answered(sim, {.what = kind::receive_message, .fd = b.native_handle(), .data = &message}));
            buffer.fill('\0');
        };
        for (const std::string text : {"datagram", ""}) {
            CAPTURE(text);
            sim.run(a.send_to(text, b.local_endpoint()));
            receive_and_drop(64);
            sim.run(a.send_to("next", b.local_endpoint()));
            const auto got = sim.run(b.receive_from(buffer));
            CHECK(std::string(buffer.data(), got.size) == text);
            CHECK(got.from.port() == a.local_endpoint().port());
            CHECK(sim.run(b.receive_from(buffer)).size == 4);
        }
        sim.run(a.send_to("too long", b.local_endpoint()));
        receive_and_drop(4);
        sim.run(a.send_to("next", b.local_endpoint()));
        CHECK(sim.run(b.receive_from(buffer)).sent == 4);
    }

    TEST_CASE(
        "simulated dropped read: the read after a dropped read that failed with a reset fails with the same error") {
        simulation sim{1};
        auto [client, server] = support::connect_pair(sim);
        sim.network().reset("127.0.0.1");
        sim.advance(1s);
        std::array<char, 4> buffer{};
        sim.run(drop_answered(sim,
                              {.what = kind::receive, .fd = server.native_handle(), .data = buffer.data(), .size = 4}));
        CHECK_THROWS_AS(sim.run(server.read(buffer)), std::system_error);
        CHECK(sim.run(server.read(buffer)) == 0);
    }

    TEST_CASE("simulated dropped read: a new descriptor with the number of a closed one receives no earlier data") {
        simulation sim{1};
        std::array<char, 64> buffer{};
        std::string stale = "stale";
        std::string fresh = "new";
        for (const bool before : {true, false}) {
            CAPTURE(before);
            auto old = open_pair(sim, false);
            const int number = old.from.get();
            REQUIRE(transfer(sim, kind::write, old.to.get(), stale) == 5);
            weir::io_operation o;
            o.start(sim, {.what = kind::receive, .fd = number, .data = buffer.data(), .size = 64});
            while (o.in_flight()) sim.advance(1ms);
            if (before) o.cancel();
            old.from.close();
            old.to.close();
            const auto now = open_pair(sim, false);
            REQUIRE(now.from.get() == number);
            o.cancel();
            REQUIRE(transfer(sim, kind::write, now.to.get(), fresh) == 3);
            CHECK(read_all(sim, number, 3) == "new");
        }
    }
}
