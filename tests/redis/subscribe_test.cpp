// SPDX-License-Identifier: MIT
#include <weir/redis/subscribe.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/redis/error.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "world.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
namespace redis = weir::redis;
using support::redis::at;
using support::redis::failure_of;
using support::redis::options_of_server;
using support::redis::world;

namespace {

/// `channel=payload`, `pattern:channel=payload`, or `resumed`.
std::string shown(const redis::message& m) {
    if (m.kind == redis::message_kind::resumed) return "resumed";
    return (m.pattern.empty() ? "" : m.pattern + ":") + m.channel + "=" + m.payload;
}

weir::task<> collect(weir::async_stream<redis::message> from, std::vector<std::string>& to) {
    auto all = std::move(from) | weir::for_each([&to](const redis::message& m) { to.push_back(shown(m)); });
    co_await std::move(all);
}

/// Counts what it has sent.
weir::task<> publish_for_ever(support::redis::server& server, std::size_t& sent) {
    while (server.subscriptions() == 0) co_await weir::sleep_for(1ms);
    for (;; ++sent) co_await server.publish("news", std::string(1000, 'x'));
}

using texts = std::vector<std::string>;

} // namespace

TEST_SUITE("redis/subscribe") {
    TEST_CASE("subscribe receives what is published on channels and patterns") {
        world w;
        redis::client client{options_of_server()};
        texts got;
        auto news = redis::subscribe(client, {.channels = {"news", "more"}, .patterns = {"al*"}});
        CHECK(w.data.connections == 0); // nothing happens before the first poll
        auto reading = w.sim.spawn(collect(std::move(news), got));
        w.sim.advance(1s);
        CHECK(w.server.subscriptions() == 3);
        CHECK(w.sim.run(w.server.publish("news", "one")) == 1);
        CHECK(w.sim.run(w.server.publish("alerts", std::string("\0\r\n", 3))) == 1);
        CHECK(w.sim.run(w.server.publish("other", "x")) == 0);
        w.sim.run(w.server.publish("more", ""));
        w.sim.advance(1s);
        CHECK(got == texts{"news=one", std::string("al*:alerts=\0\r\n", 14), "more="});
    }

    TEST_CASE("subscribe subscribes again after a loss, and reports the gap") {
        world w;
        redis::client client{options_of_server()};
        texts got;
        auto reading = w.sim.spawn(collect(redis::subscribe(client, {.channels = {"news"}}), got));
        w.sim.advance(1s);
        w.sim.run(w.server.publish("news", "1"));
        w.sim.advance(1s);
        w.sim.network().reset("10.0.0.1");
        CHECK(w.sim.run(w.server.publish("news", "missed")) <= 1);
        w.sim.advance(1s);
        w.sim.run(w.server.publish("news", "2"));
        w.sim.advance(1s);
        CHECK(got == texts{"news=1", "resumed", "news=2"});
    }

    TEST_CASE("subscribe fails when the server refuses, and when it cannot be reached") {
        world w;
        redis::client client{options_of_server()};
        texts got;
        CHECK(w.sim.run(failure_of(collect(redis::subscribe(client, {.channels = {"forbidden"}}), got))) ==
              "weir::redis: SUBSCRIBE: NOPERM No permissions to access a channel");
        w.stop();
        CHECK(w.sim.run(failure_of(collect(redis::subscribe(client, {.channels = {"news"}}), got))) ==
              "weir::redis: SUBSCRIBE: not sent: connect to 10.0.0.1:6379: Connection refused");
        CHECK_THROWS_AS(redis::subscribe(client, {}), std::invalid_argument);
    }

    TEST_CASE("a subscription without messages is kept alive, and given up when the server is silent") {
        world w;
        auto o = options_of_server();
        o.reply_timeout = 5s;
        redis::client client{o};
        texts got;
        auto reading = w.sim.spawn(collect(redis::subscribe(client, {.channels = {"news"}}), got));
        w.sim.advance(60s);
        CHECK(w.data.connections == 1);
        CHECK(w.data.commands >= 10); // PING
        w.server.silent = true;
        w.sim.advance(12s);
        w.server.silent = false;
        w.sim.advance(20s);
        CHECK(w.data.connections >= 2);
        CHECK(got == texts{"resumed"});
        CHECK(w.server.subscriptions() >= 1);
    }

    TEST_CASE("a subscription that is not polled is not read") {
        weir::testing::simulation_options options;
        options.network.buffer = 4096;
        world w{options};
        redis::client client{options_of_server()};
        auto news = redis::subscribe(client, {.channels = {"news"}});
        std::size_t sent = 0;
        std::optional<weir::join_handle<weir::task<>>> publishing;
        w.sim.run([&]() -> weir::task<> {
            auto& ex = *weir::executor::current();
            publishing.emplace(ex.spawn(publish_for_ever(w.server, sent)));
            const auto first = co_await weir::next(news);
            CHECK(first->payload.size() == 1000);
            co_await weir::sleep_for(10s);
            const std::size_t stuck = sent;
            CHECK(stuck < 40); // the buffers of the connection, and one read of the subscriber
            for (int i = 0; i != 30; ++i) co_await weir::next(news);
            co_await weir::sleep_for(1s);
            CHECK(sent > stuck);
        });
    }

    TEST_CASE("a subscription that is dropped after any time ends its connection") {
        weir::testing::for_each_seed(100, [](simulation& sim) {
            support::redis::database data;
            support::redis::server server{data};
            auto serving = sim.spawn(server.run(at));
            redis::client client{options_of_server()};
            texts got;
            std::optional reading{sim.spawn(collect(redis::subscribe(client, {.channels = {"news"}}), got))};
            sim.advance(std::chrono::microseconds{sim.seed() * 200});
            sim.run(server.publish("news", "x"));
            reading.reset();
            sim.advance(1s);
            REQUIRE(sim.network().connections() == 0);
            REQUIRE(server.subscriptions() == 0);
        });
    }

    TEST_CASE("a subscription in a network with faults loses messages only before it says so") {
        weir::testing::simulation_options options;
        options.network.short_transfer = 0.2;
        options.network.reset = 0.02;
        int resumed = 0;
        weir::testing::for_each_seed(300, options, [&](simulation& sim) {
            support::redis::database data;
            support::redis::server server{data};
            auto serving = sim.spawn(server.run(at));
            auto o = options_of_server();
            o.reconnect.attempts = weir::retry_policy::unlimited;
            redis::client client{o};
            texts got;
            auto reading = sim.spawn(collect(redis::subscribe(client, {.channels = {"news"}}), got));
            sim.run([&]() -> weir::task<> {
                while (server.subscriptions() == 0) co_await weir::sleep_for(1ms);
                for (int i = 0; i != 100; ++i) {
                    co_await server.publish("news", std::to_string(i));
                    co_await weir::sleep_for(10ms);
                }
                co_await weir::sleep_for(10s);
            });
            int last = -1;
            bool gap = false;
            for (const std::string& item : got) {
                if (item == "resumed") {
                    gap = true;
                    ++resumed;
                    continue;
                }
                const int n = std::stoi(item.substr(5));
                REQUIRE(n > last); // in order, and none twice
                if (!gap && last >= 0) REQUIRE(n == last + 1);
                gap = false;
                last = n;
            }
        });
        CHECK(resumed > 100);
    }
}
