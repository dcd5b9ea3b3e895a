// SPDX-License-Identifier: MIT
// The client beside a redis-server that each test starts in a directory of its own.
#include <weir/redis/client.hpp>
#include <weir/redis/subscribe.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

#include "real_server.hpp"

using namespace std::chrono_literals;
namespace redis = weir::redis;
using support::redis::real_server;
using support::redis::run;

namespace {

/// A script that keeps the server busy for so many seconds. DEBUG SLEEP is disabled by default.
constexpr std::string_view busy = "local function now() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end "
                                  "local began = now() repeat until now() - began > tonumber(ARGV[1]) return 1";

/// The code of an error of the server, the message of another error, or "".
template <class A>
weir::task<std::string> failure_of(A operation) {
    try {
        static_cast<void>(co_await std::move(operation));
    } catch (const redis::error& e) {
        co_return std::string{e.code()};
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "";
}

} // namespace

TEST_SUITE("redis/real_server") {
    TEST_CASE("a real server answers with every kind of reply") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            const std::string bytes("a\0\r\n\xff", 5);
            co_await client.command("SET", "key", bytes);
            CHECK(co_await client.command<std::string>("GET", "key") == bytes);
            CHECK(co_await client.command<std::optional<std::string>>("GET", "nothing") == std::nullopt);
            CHECK(co_await client.command<int>("INCRBY", "n", 41) == 41);
            CHECK(co_await client.command<double>("INCRBYFLOAT", "n", 0.5) == 41.5);
            const std::map<std::string, int> fields{{"a", 1}, {"b", 2}};
            CHECK(co_await client.command<int>("HSET", "h", fields) == 2);
            const auto stored = co_await client.command<std::map<std::string, int>>("HGETALL", "h");
            CHECK(stored == fields);
            const auto [cursor, keys] =
                co_await client.command<std::tuple<std::uint64_t, std::vector<std::string>>>("SCAN", 0, "COUNT", 100);
            CHECK(cursor == 0);
            CHECK(keys.size() == 3);
            const std::string large(5'000'000, 'x');
            co_await client.command("SET", "large", large);
            CHECK(co_await client.command<std::string>("GET", "large") == large);
            CHECK(co_await failure_of(client.command("LPUSH", "key", 1)) == "WRONGTYPE");
            CHECK(co_await client.command<int>("EVAL", "return #ARGV", 0, "x", "y") == 2);
        });
    }

    TEST_CASE("a real server executes the commands of many tasks and transactions") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
                for (int i = 0; i != 50; ++i) {
                    group.spawn([&client, i]() -> weir::task<> {
                        for (int j = 0; j != 40; ++j) {
                            const int answer = co_await client.command<int>("ECHO", i * 100 + j);
                            REQUIRE(answer == i * 100 + j);
                            redis::transaction t;
                            t.command("INCR", "n").command("DECR", "n").command("INCR", "total");
                            const auto replies = co_await client.execute(std::move(t));
                            REQUIRE(replies[0].as<int>() == 1); // nothing has come between
                        }
                    });
                }
                co_return;
            });
            co_await std::move(all);
            CHECK(co_await client.command<int>("GET", "total") == 2000);
            redis::transaction refused;
            refused.command("SET", "x", 1).command("SET", "x");
            CHECK(co_await failure_of(client.execute(std::move(refused))) == "ERR");
            CHECK((co_await client.command("GET", "x")).is_nil());
        });
    }

    TEST_CASE("a client survives that a real server is killed and started again") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await client.command("SET", "key", "before");
            auto& ex = *weir::executor::current();
            auto slow = ex.spawn(failure_of(client.command("EVAL", busy, 0, 30)));
            auto again = ex.spawn(client.idempotent<std::string>("ECHO", "again"));
            co_await weir::sleep_for(50ms);
            co_await server.kill();
            CHECK((co_await slow).starts_with("weir::redis: EVAL: connection lost before the reply: "));
            co_await server.start();
            CHECK(co_await again == "again");
            CHECK((co_await client.command("GET", "key")).is_nil()); // nothing was saved
            CHECK(client.stats().losses >= 1);                       // a socket may accept while its server dies
        });
    }

    TEST_CASE("a real server that is stopped is given up, and a slow one is not") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            auto o = server.options();
            o.reply_timeout = 500ms;
            o.connect_timeout = 500ms;
            o.reconnect.attempts = 2;
            o.client_name = "test"; // so that a connection needs an answer
            redis::client client{o};
            CHECK(co_await failure_of(client.command("EVAL", busy, 0, 0.2)) == "");
            server.signal(SIGSTOP);
            const std::string what = co_await failure_of(client.command("PING"));
            CHECK(what.find("has sent nothing within 500ms") != std::string::npos);
            const std::string unsent = co_await failure_of(client.command("PING"));
            CHECK(unsent.starts_with("weir::redis: PING: not sent: weir::redis: no connection to "));
            server.signal(SIGCONT);
            CHECK(co_await failure_of(client.command("PING")) == "");
        });
    }

    TEST_CASE("a real server that is full refuses by OOM") {
        run([]() -> weir::task<> {
            real_server server{{"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"}};
            co_await server.start();
            redis::client client{server.options()};
            std::string what;
            for (int i = 0; i != 100 && what.empty(); ++i) {
                what = co_await failure_of(client.command("SET", i, std::string(100'000, 'x')));
            }
            CHECK(what == "OOM");
            CHECK(co_await client.command<std::string>("PING") == "PONG");
        });
    }

    TEST_CASE("a real server checks the password") {
        run([]() -> weir::task<> {
            real_server server{{"--requirepass", "secret"}};
            co_await server.start();
            auto o = server.options();
            redis::client without{o};
            CHECK(co_await failure_of(without.command("PING")) == "NOAUTH");
            o.password = "wrong";
            redis::client wrong{o};
            CHECK(co_await failure_of(wrong.command("PING")) == "WRONGPASS");
            redis::client right{redis::options::from_url("unix://default:secret@" + server.socket() + "?db=3")};
            co_await right.command("SET", "key", 1);
            o.password = "secret";
            redis::client other{o};
            CHECK((co_await other.command("GET", "key")).is_nil()); // another database
        });
    }

    TEST_CASE("a real server is reached by TCP") {
        run([]() -> weir::task<> {
            // A port that is free.
            auto listening = weir::listen({"127.0.0.1", 0});
            auto listener = co_await std::move(listening);
            const auto port = listener.local_endpoint().port();
            listener.close();
            real_server server{{"--port", std::to_string(port), "--bind", "127.0.0.1"}};
            co_await server.start();
            redis::client client{redis::options::from_url("redis://127.0.0.1:" + std::to_string(port))};
            CHECK(co_await client.command<std::string>("PING") == "PONG");
        });
    }

    TEST_CASE("a blocking command waits on a client of its own") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            auto o = server.options();
            o.blocking_commands = redis::blocking_commands::accepted;
            o.reply_timeout = 200ms;
            redis::client blocking{o};
            auto popped = weir::executor::current()->spawn(
                blocking.command<std::pair<std::string, std::string>>("BLPOP", "list", 0));
            co_await weir::sleep_for(500ms);
            co_await client.command("RPUSH", "list", "item");
            const auto [key, item] = co_await popped;
            CHECK(key == "list");
            CHECK(item == "item");
            CHECK(blocking.stats().losses == 0);
        });
    }

    TEST_CASE("a subscription continues after a real server was killed") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            auto news = redis::subscribe(client, {.channels = {"news"}, .patterns = {"al*"}});
            auto& ex = *weir::executor::current();
            const auto publish = [](redis::client& by, std::string channel, std::string text) -> weir::task<> {
                while (co_await by.command<int>("PUBLISH", channel, text) == 0) co_await weir::sleep_for(10ms);
            };
            auto first = ex.spawn(publish(client, "news", "one"));
            CHECK((co_await weir::next(news))->payload == "one");
            co_await first;
            co_await publish(client, "alerts", "two");
            const auto second = co_await weir::next(news);
            CHECK(second->pattern == "al*");
            CHECK(second->channel == "alerts");
            co_await server.kill();
            co_await server.start();
            CHECK((co_await weir::next(news))->kind == redis::message_kind::resumed);
            co_await publish(client, "news", "three");
            CHECK((co_await weir::next(news))->payload == "three");
        });
    }

    TEST_CASE("a slow subscriber is disconnected by a real server, and told of the gap") {
        run([]() -> weir::task<> {
            real_server server{{"--client-output-buffer-limit", "pubsub", "1mb", "1mb", "1"}};
            co_await server.start();
            redis::client client{server.options()};
            auto news = redis::subscribe(client, {.channels = {"news"}});
            auto& ex = *weir::executor::current();
            auto reading = ex.spawn(weir::next(news));
            const std::string large(100'000, 'x');
            while (co_await client.command<int>("PUBLISH", "news", large) == 0) co_await weir::sleep_for(10ms);
            CHECK((co_await reading)->payload.size() == large.size());
            while (co_await client.command<int>("PUBLISH", "news", large) != 0) co_await weir::yield();
            for (;;) {
                const auto m = co_await weir::next(news);
                if (m->kind == redis::message_kind::resumed) break;
                CHECK(m->payload == large); // the messages before the gap are whole
            }
        });
    }
}
