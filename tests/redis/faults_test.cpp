// SPDX-License-Identifier: MIT
// Clients and servers in a network with faults, and with servers that are killed and started again.
#include <weir/redis/client.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

#include "server.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
namespace redis = weir::redis;

namespace {

constexpr int tasks = 8;
constexpr int commands_per_task = 6;

/// How the commands have ended, by their argument.
enum class ending { answered, lost, unsent, dropped };

struct record {
    ending how;
    bool idempotent;
};

/// Sends MARK with a name of its own, and writes down how it ends.
weir::task<> mark(redis::client& client, std::string name, bool idempotent, weir::duration patience,
                  std::map<std::string, record>& records) {
    const auto note = [&](ending how) { REQUIRE(records.emplace(name, record{how, idempotent}).second); };
    try {
        std::string answer;
        if (idempotent) {
            auto limited = weir::with_timeout(patience, client.idempotent<std::string>("MARK", name));
            answer = co_await std::move(limited);
        } else {
            auto limited = weir::with_timeout(patience, client.command<std::string>("MARK", name));
            answer = co_await std::move(limited);
        }
        REQUIRE(answer == name); // no reply is shifted to another command
        note(ending::answered);
    } catch (const redis::connection_lost& e) {
        REQUIRE(e.command() == "MARK");
        note(ending::lost);
    } catch (const redis::not_connected&) {
        note(ending::unsent);
    } catch (const weir::timed_out&) {
        note(ending::dropped);
    }
}

weir::task<> many_commands(redis::client& client, std::map<std::string, record>& records) {
    auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
        for (int i = 0; i != tasks; ++i) {
            group.spawn([&client, &records, i]() -> weir::task<> {
                auto& random = weir::executor::current()->random();
                for (int j = 0; j != commands_per_task; ++j) {
                    std::string name = std::to_string(i) + "-" + std::to_string(j);
                    const auto patience = random() % 4 == 0 ? std::chrono::milliseconds{random() % 30} : 1h;
                    co_await mark(client, std::move(name), random() % 2 == 0, patience, records);
                    co_await weir::sleep_for(std::chrono::milliseconds{random() % 20});
                }
            });
        }
        co_return;
    });
    co_await std::move(all);
}

/// Kills the server at random times, and starts it again.
weir::task<> restart_again_and_again(support::redis::server& server, weir::endpoint at) {
    auto& ex = *weir::executor::current();
    for (;;) {
        std::optional serving{ex.spawn(server.run(at))};
        co_await weir::sleep_for(std::chrono::milliseconds{20 + ex.random()() % 100});
        serving.reset();
        co_await weir::sleep_for(std::chrono::milliseconds{ex.random()() % 60});
    }
}

struct totals {
    std::map<ending, int> endings;
    std::uint64_t losses = 0;
    std::uint64_t sent_again = 0;
    std::uint64_t discarded = 0;
};

void run_with_faults(simulation& sim, totals& sum) {
    const weir::endpoint at{"10.0.0.1", 6379};
    support::redis::database data;
    support::redis::server server{data};
    auto serving = sim.spawn(restart_again_and_again(server, at));
    redis::options o;
    o.host = "10.0.0.1";
    o.max_in_flight = 1 + sim.seed() % 5;
    o.connect_timeout = 1s;
    o.reply_timeout = 2s;
    o.reconnect.attempts = 4;
    o.reconnect.delay = 5ms;
    redis::client client{o};
    std::map<std::string, record> records;
    sim.run(many_commands(client, records));

    REQUIRE(records.size() == tasks * commands_per_task); // each command has ended, once
    for (const auto& [name, r] : records) {
        const auto found = data.executed.find(name);
        const int executed = found == data.executed.end() ? 0 : found->second;
        INFO(sim.seed() << ": " << name << ", executed " << executed << " times");
        if (r.how == ending::answered) REQUIRE(executed >= 1);
        if (!r.idempotent) REQUIRE(executed <= 1);
        if (r.how == ending::unsent) REQUIRE(executed == 0);
        ++sum.endings[r.how];
    }
    REQUIRE(client.stats().waiting == 0);
    sum.losses += client.stats().losses;
    sum.sent_again += client.stats().sent_again;
    sum.discarded += client.stats().discarded;
}

} // namespace

TEST_SUITE("redis/faults") {
    TEST_CASE("each command is answered once or fails with its reason, whatever the network and the server do") {
        weir::testing::simulation_options options;
        options.network.short_transfer = 0.2;
        options.network.reset = 0.01;
        options.network.refuse = 0.1;
        options.network.black_hole = 0.02;
        options.network.partition = 0.01;
        options.network.longest_partition = 3s;
        totals sum;
        weir::testing::for_each_seed(1000, options, [&](simulation& sim) { run_with_faults(sim, sum); });
        CHECK(sum.endings[ending::answered] > 10000);
        CHECK(sum.endings[ending::lost] > 500);
        CHECK(sum.endings[ending::unsent] > 50);
        CHECK(sum.endings[ending::dropped] > 500);
        CHECK(sum.losses > 500);
        CHECK(sum.sent_again > 500);
        CHECK(sum.discarded > 100);
    }

    TEST_CASE("commands that are dropped after any time leave a client that works") {
        weir::testing::for_each_seed(20, [](simulation& sim) {
            const weir::endpoint at{"10.0.0.1", 6379};
            support::redis::database data;
            support::redis::server server{data};
            auto serving = sim.spawn(server.run(at));
            redis::options o;
            o.host = "10.0.0.1";
            o.database = 1;
            redis::client client{o};
            sim.run([&]() -> weir::task<> {
                auto& ex = *weir::executor::current();
                for (auto after = 0us; after <= 30ms; after += 250us) {
                    std::optional dropped{ex.spawn(client.command<std::string>("ECHO", "dropped"))};
                    redis::transaction t;
                    t.command("INCR", "n").command("INCR", "n");
                    std::optional also_dropped{ex.spawn(client.execute(std::move(t)))};
                    auto kept = ex.spawn(client.command<std::string>("ECHO", "kept"));
                    co_await weir::sleep_for(after);
                    dropped.reset();
                    also_dropped.reset();
                    const std::string answer = co_await kept;
                    REQUIRE(answer == "kept");
                }
            });
            REQUIRE(client.stats().connections == 1);
            REQUIRE(client.stats().in_flight == 0);
        });
    }

    TEST_CASE("a client that is dropped after any time ends its connection") {
        weir::testing::for_each_seed(200, [](simulation& sim) {
            const weir::endpoint at{"10.0.0.1", 6379};
            support::redis::database data;
            support::redis::server server{data};
            auto serving = sim.spawn(server.run(at));
            redis::options o;
            o.host = "10.0.0.1";
            o.client_name = "short-lived";
            std::optional<redis::client> client{o};
            sim.run([&]() -> weir::task<> {
                auto& ex = *weir::executor::current();
                auto waiting = ex.spawn(client->command("ECHO", "x"));
                co_await weir::sleep_for(std::chrono::microseconds{sim.seed() * 150});
                client.reset();
                try {
                    co_await waiting;
                } catch (const weir::closed&) {
                    // It was dropped before the reply.
                }
                co_await weir::sleep_for(1s);
            });
            REQUIRE(sim.network().connections() == 0);
        });
    }
}
