// SPDX-License-Identifier: MIT
// The code of docs/guide/redis.md.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/for_each_message.hpp>
#include <weir/redis/client.hpp>
#include <weir/redis/streams.hpp>
#include <weir/redis/subscribe.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "server.hpp"
#include "world.hpp"

using namespace std::chrono_literals;

namespace {

// [commands]
weir::task<std::int64_t> visit(weir::redis::client& client, std::string user) {
    const std::string key = "visits:" + user;
    const auto n = co_await client.command<std::int64_t>("INCR", key);
    if (n == 1) co_await client.command("EXPIRE", key, 3600);
    const auto name = co_await client.command<std::optional<std::string>>("GET", "name:" + user);
    co_await client.command("SET", "last", name.value_or(user));
    co_return n;
}
// [/commands]

// [errors]
weir::task<std::string> increment(weir::redis::client& client, std::string key) {
    try {
        auto limited = weir::with_timeout(2s, client.command<std::int64_t>("INCR", key));
        co_return std::to_string(co_await std::move(limited));
    } catch (const weir::redis::not_connected&) {
        co_return "not executed";
    } catch (const weir::redis::connection_lost&) {
        co_return "perhaps executed";
    } catch (const weir::timed_out&) {
        co_return "perhaps executed, and not waited for any longer";
    } catch (const weir::redis::error& e) {
        co_return "not executed: " + std::string{e.code()};
    }
}
// [/errors]

// [transaction]
weir::task<int> transfer(weir::redis::client& client, std::string from, std::string to) {
    weir::redis::transaction both;
    both.command("DECR", from).command("INCR", to);
    const auto replies = co_await client.execute(std::move(both));
    co_return replies[1].as<int>();
}
// [/transaction]

// [subscribe]
weir::task<> follow_news(weir::redis::client& client, std::vector<std::string>& cache) {
    auto news = weir::redis::subscribe(client, {.channels = {"news"}, .patterns = {"alerts.*"}});
    auto keep = weir::for_each([&cache](weir::redis::message m) {
        if (m.kind == weir::redis::message_kind::resumed) return cache.clear(); // messages are missing
        cache.push_back(m.channel + ": " + m.payload);
    });
    co_await (std::move(news) | std::move(keep));
}
// [/subscribe]

// [group]
weir::task<> bill(weir::messages::message<std::string>& order);

weir::task<> run_billing(weir::redis::client& client) {
    weir::redis::group_options group;
    group.group = "billing";
    group.streams = {"orders:0", "orders:1", "orders:2", "orders:3"};
    weir::messages::consumer_options limits;
    limits.dead_letter = weir::redis::dead_letters_to(client, "orders:dead");
    weir::messages::consumer orders{weir::redis::group_member{client, group}, limits};
    co_await (orders.messages() | weir::messages::for_each_message(64, bill));
}

weir::task<> order(weir::redis::client& client, const std::vector<std::string>& streams, std::string customer) {
    co_await client.command("XADD", weir::redis::shard_of(streams, customer), "*", "key", customer, "value", "1");
}
// [/group]

weir::task<> bill(weir::messages::message<std::string>& order) {
    CHECK(order.value() == "1");
    co_return;
}

} // namespace

TEST_SUITE("redis/guide") {
    TEST_CASE("the code of the guide") {
        weir::testing::simulation sim{1};
        support::redis::database data;
        support::redis::server server{data};
        auto serving = sim.spawn(server.run({"10.0.0.1", 6379}));
        // [client]
        weir::redis::options at;
        at.host = "10.0.0.1";
        at.database = 1;
        weir::redis::client client{at};
        // [/client]
        CHECK(sim.run(visit(client, "ann")) == 1);
        CHECK(sim.run(visit(client, "ann")) == 2);
        CHECK(data.strings.at("last") == "ann");
        CHECK(sim.run(increment(client, "n")) == "1");
        CHECK(sim.run(increment(client, "last")) == "not executed: ERR");
        CHECK(sim.run(transfer(client, "a", "b")) == 1);

        std::vector<std::string> cache;
        auto following = sim.spawn(follow_news(client, cache));
        sim.advance(1s);
        sim.run(server.publish("alerts.fire", "x"));
        sim.advance(1s);
        CHECK(cache == std::vector<std::string>{"alerts.fire: x"});
    }

    TEST_CASE("the group of the guide asks for its server") {
        support::redis::world w; // a server without streams
        w.sim.run([&]() -> weir::task<> {
            weir::redis::client client{support::redis::options_of_server()};
            const std::vector<std::string> streams{"orders:0"};
            const std::string unknown = co_await support::redis::failure_of(order(client, streams, "anna"));
            CHECK(unknown == "weir::redis: XADD: ERR unknown command");
            const auto failure = co_await support::redis::failure_of(run_billing(client));
            CHECK(failure == "weir::redis: XGROUP: ERR unknown command");
        });
    }
}
