// SPDX-License-Identifier: MIT
#include <weir/redis/client.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/limit_exceeded.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/observe/dump.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sync/closed.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "allocations.hpp"
#include "world.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;
namespace redis = weir::redis;
using support::redis::at;
using support::redis::failure_of;
using support::redis::options_of_server;
using support::redis::world;

namespace {

/// An operation whose result f returns.
template <class F>
auto at_once(F f) {
    return weir::detail::immediate_operation{[f](weir::backend&) { return f(); }};
}

/// A server that answers OK to everything, without allocations.
class yes_man {
public:
    yes_man() : owed_{std::make_unique<state>()} {}

    auto read(weir::byte_span to) { return reading{owed_.get(), to}; }
    auto write(weir::byte_view what) {
        const std::string_view bytes{static_cast<const char*>(what.data()), what.size()};
        owed_->replies += static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '*'));
        owed_->reader.wake();
        return at_once([] { return weir::unit{}; });
    }
    auto shutdown_write() {
        return at_once([] { return weir::unit{}; });
    }
    std::string name() const { return "yes"; }

private:
    struct state {
        std::size_t replies = 0;
        weir::waker_slot reader;
    };

    class reading {
    public:
        using result_type = std::size_t;

        reading(state* from, weir::byte_span to) noexcept : from_{from}, to_{static_cast<char*>(to.data())} {}

        weir::poll<std::size_t> poll_result(weir::context& cx) {
            if (from_->replies == 0) {
                from_->reader.arm(cx.waker());
                return weir::pending;
            }
            --from_->replies;
            std::copy_n("+OK\r\n", 5, to_);
            return std::size_t{5};
        }

    private:
        state* from_;
        char* to_;
    };

    std::unique_ptr<state> owed_;
};

template <class F>
std::string refusal(F f) {
    try {
        f();
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return "";
}

} // namespace

TEST_SUITE("redis/client") {
    TEST_CASE("a client sends commands and converts replies") {
        world w;
        redis::client client{options_of_server()};
        CHECK(client.state() == redis::connection_state::disconnected);
        w.sim.run([&]() -> weir::task<> {
            const std::string key = "greeting";
            auto set = client.command("SET", key, std::string("a\0\r\n", 4));
            CHECK((co_await std::move(set)).as<std::string>() == "OK");
            CHECK(co_await client.command<std::string>("GET", key) == std::string("a\0\r\n", 4));
            CHECK(co_await client.command<std::optional<std::string>>("GET", "nothing") == std::nullopt);
            CHECK(co_await client.command<std::int64_t>("INCR", "n") == 1);
            CHECK(co_await client.command<int>("INCR", "n") == 2);
            co_await client.command<void>("SET", "x", 5);
            CHECK((co_await client.command("GET", "x")).as<int>() == 5);
        });
        CHECK(client.state() == redis::connection_state::connected);
        CHECK(w.data.connections == 1);
        CHECK(client.stats().replies == 7);
        CHECK(client.stats().in_flight == 0);
    }

    TEST_CASE("an error of the server is thrown with its command") {
        world w;
        redis::client client{options_of_server()};
        CHECK(w.sim.run(failure_of(client.command("WHAT"))) == "weir::redis: WHAT: ERR unknown command");
        CHECK(w.sim.run(failure_of(client.command<int>("GET", "nothing"))) ==
              "weir::redis: GET: the reply is nil, not an integer");
        CHECK(client.state() == redis::connection_state::connected);
    }

    TEST_CASE("the commands of many tasks are sent together, and answered in order") {
        world w;
        redis::client client{options_of_server()};
        int right = 0;
        w.sim.run([&]() -> weir::task<> {
            co_await client.command("PING"); // connects
            const auto reads = w.data.reads;
            auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
                for (int i = 0; i != 64; ++i) {
                    group.spawn([&client, &right, i]() -> weir::task<> {
                        const auto text = co_await client.command<int>("ECHO", i);
                        if (text == i) ++right;
                    });
                }
                co_return;
            });
            co_await std::move(all);
            // The simulation lets the writer run anywhere among the tasks.
            CHECK(w.data.reads - reads <= 3);
        });
        CHECK(right == 64);
    }

    TEST_CASE("commands beyond the limit wait until others have their replies") {
        world w;
        auto o = options_of_server();
        o.max_in_flight = 2;
        redis::client client{o};
        std::size_t most = 0;
        w.sim.run([&]() -> weir::task<> {
            auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
                for (int i = 0; i != 9; ++i) {
                    group.spawn([&client, &most]() -> weir::task<> {
                        co_await client.command("SLEEP", 50);
                        most = std::max(most, client.stats().in_flight);
                    });
                }
                co_await weir::sleep_for(40ms);
                CHECK(client.stats().in_flight == 2);
                CHECK(client.stats().waiting == 7);
            });
            co_await std::move(all);
        });
        CHECK(most <= 2);
        CHECK(client.stats().replies == 9);
    }

    TEST_CASE("arguments that are temporaries are owned") {
        world w;
        redis::client client{options_of_server()};
        auto make = [&client] { return client.command<std::string>("ECHO", std::string(100, 'x')); };
        auto operation = make();
        CHECK(w.sim.run(std::move(operation)) == std::string(100, 'x'));
        auto many = client.command("SET", std::vector<std::string>{"key", "value"});
        w.sim.run(std::move(many));
        CHECK(w.data.strings.at("key") == "value");
    }

    TEST_CASE("a command that is dropped while it waits is not sent, and later its reply is discarded") {
        world w;
        redis::client client{options_of_server()};
        w.sim.run([&]() -> weir::task<> {
            {
                auto limited = weir::with_timeout(0s, client.command("MARK", "unsent"));
                CHECK_FALSE((co_await failure_of(std::move(limited))).empty());
            }
            co_await client.command("PING");
            CHECK(w.data.executed.count("unsent") == 0);
            {
                auto slow = weir::executor::current()->spawn(client.command("SLEEP", 100));
                co_await weir::sleep_for(10ms);
                auto limited = weir::with_timeout(50ms, client.command("MARK", "sent"));
                CHECK_FALSE((co_await failure_of(std::move(limited))).empty());
            }
            CHECK(co_await client.command<std::string>("ECHO", "next") == "next");
            CHECK(w.data.executed.at("sent") == 1);
        });
        CHECK(client.stats().discarded == 2);
    }

    TEST_CASE("a client logs in, selects the database and sets its name") {
        world w;
        w.data.password = "secret";
        auto o = options_of_server();
        o.user = "me";
        o.password = "secret";
        o.database = 3;
        o.client_name = "test";
        redis::client client{o};
        CHECK(w.sim.run(client.command<std::string>("ECHO", "x")) == "x");
        CHECK(w.data.commands == 4);
    }

    TEST_CASE("a refused login fails the waiting commands, and its message has no password") {
        world w;
        w.data.password = "secret";
        auto o = options_of_server();
        o.password = "wrong-one";
        redis::client client{o};
        const std::string what = w.sim.run(failure_of(client.command("PING")));
        CHECK(what == "weir::redis: AUTH: WRONGPASS invalid username-password pair or user is disabled.");
        CHECK(w.data.connections == 1); // not tried again
        CHECK(client.state() == redis::connection_state::disconnected);
        // Without a password, the commands themselves are refused.
        redis::client other{options_of_server()};
        CHECK(w.sim.run(failure_of(other.command("PING"))) == "weir::redis: PING: NOAUTH Authentication required.");
    }

    TEST_CASE("a command fails with not_connected when all attempts have failed") {
        world w;
        w.stop();
        redis::client client{options_of_server()};
        CHECK(w.sim.run(failure_of(client.command("SET", "a", "b"))) ==
              "weir::redis: SET: not sent: connect to 10.0.0.1:6379: Connection refused");
        CHECK(client.state() == redis::connection_state::disconnected);
        w.start();
        CHECK(w.sim.run(failure_of(client.command("SET", "a", "b"))) == "");
    }

    TEST_CASE("a command waits while the client reconnects") {
        world w;
        w.stop();
        auto o = options_of_server();
        o.reconnect = {.attempts = 10, .delay = 100ms, .factor = 1, .max_delay = 100ms, .jitter = weir::jitter::none};
        redis::client client{o};
        w.sim.run([&]() -> weir::task<> {
            auto pending = weir::executor::current()->spawn(client.command<std::string>("ECHO", "late"));
            co_await weir::sleep_for(150ms);
            CHECK(client.state() == redis::connection_state::reconnecting);
            CHECK(client.stats().waiting == 1);
            w.start();
            CHECK(co_await pending == "late");
        });
    }

    TEST_CASE("a connection without an answer fails within connect_timeout") {
        weir::testing::simulation_options black_hole;
        black_hole.network.black_hole = 1;
        world w{black_hole};
        auto o = options_of_server();
        o.connect_timeout = 2s;
        o.reconnect.attempts = 1;
        redis::client client{o};
        CHECK(w.sim.run(failure_of(client.command("PING"))) ==
              "weir::redis: PING: not sent: weir::redis: no connection to 10.0.0.1:6379 within 2s");
    }

    TEST_CASE("commands without a reply fail when the connection is lost, and later ones use another") {
        world w;
        redis::client client{options_of_server()};
        w.sim.run([&]() -> weir::task<> {
            auto lost = weir::executor::current()->spawn(failure_of(client.command("FOREVER")));
            auto behind = weir::executor::current()->spawn(failure_of(client.command("MARK", "x")));
            auto again = weir::executor::current()->spawn(client.idempotent<std::string>("MARK", "y"));
            co_await weir::sleep_for(50ms);
            CHECK(client.stats().in_flight == 3);
            w.sim.network().reset("10.0.0.1");
            const std::string what = co_await lost;
            CHECK(what.starts_with("weir::redis: FOREVER: connection lost before the reply: "));
            CHECK((co_await behind).starts_with("weir::redis: MARK: connection lost before the reply: "));
            CHECK(co_await again == "y");
        });
        CHECK(w.data.executed.count("x") == 0);
        CHECK(w.data.executed.at("y") == 1);
        CHECK(client.stats().losses == 1);
        CHECK(client.stats().sent_again == 1);
        CHECK(client.stats().connections == 2);
    }

    TEST_CASE("a command that ends each connection is not sent for ever") {
        world w;
        redis::client client{options_of_server()};
        CHECK(w.sim.run(failure_of(client.idempotent("CLOSE"))) ==
              "weir::redis: CLOSE: connection lost before the reply: 10.0.0.1:6379 has closed the connection");
        CHECK(w.data.connections == 3);
    }

    TEST_CASE("a silent server is given up after reply_timeout") {
        world w;
        auto o = options_of_server();
        o.reply_timeout = 5s;
        redis::client client{o};
        const auto began = w.sim.elapsed();
        CHECK(w.sim.run(failure_of(client.command("FOREVER"))) ==
              "weir::redis: FOREVER: connection lost before the reply: weir::redis: 10.0.0.1:6379 has sent nothing "
              "within 5s");
        CHECK(w.sim.elapsed() - began < 6s);
        // A server that is slow, but not silent for so long, is not.
        CHECK(w.sim.run(failure_of(client.command("SLEEP", 4900))) == "");
        // An idle connection is no silent one.
        w.sim.run([&]() -> weir::task<> {
            co_await weir::sleep_for(60s);
            co_await client.command("PING");
        });
        CHECK(client.stats().connections == 2);
    }

    TEST_CASE("a blocking command is exempt from reply_timeout") {
        world w;
        auto o = options_of_server();
        o.reply_timeout = 1s;
        o.blocking_commands = redis::blocking_commands::accepted;
        redis::client client{o};
        w.sim.run([&]() -> weir::task<> {
            CHECK((co_await client.command("BLPOP", "list", 3)).is_nil());
            CHECK(co_await failure_of(client.command("SLEEP", 3000)) != "");
        });
    }

    TEST_CASE("a violation of the protocol ends the connection") {
        world w;
        redis::client client{options_of_server()};
        CHECK(w.sim.run(failure_of(client.command("GARBAGE"))) ==
              "weir::redis: GARBAGE: connection lost before the reply: weir::redis: 10.0.0.1:6379: Protocol error, got "
              "\"w\" as reply type byte");
        CHECK(w.sim.run(failure_of(client.command("TWICE"))) == "");
        w.sim.advance(1s);
        CHECK(client.state() == redis::connection_state::disconnected);
        CHECK(w.sim.run(client.command<std::string>("ECHO", "x")) == "x");
    }

    TEST_CASE("a reply beyond the limit ends the connection") {
        world w;
        auto o = options_of_server();
        o.max_reply_size = 1000;
        redis::client client{o};
        CHECK(w.sim.run(client.command<std::string>("ECHO", std::string(900, 'x'))).size() == 900);
        CHECK(w.sim.run(failure_of(client.command("ECHO", std::string(1000, 'x')))) ==
              "weir::redis: ECHO: connection lost before the reply: weir::redis: 10.0.0.1:6379: a reply is larger than "
              "1000 bytes");
    }

    TEST_CASE("a transaction is executed as one") {
        world w;
        redis::client client{options_of_server()};
        redis::transaction t;
        t.command("SET", "a", 1).command("INCR", "a").command("GET", "a").command("INCR", "text");
        w.data.strings["text"] = "x";
        const auto replies = w.sim.run(client.execute(std::move(t)));
        REQUIRE(replies.size() == 4);
        CHECK(replies[0].as<std::string>() == "OK");
        CHECK(replies[1].as<int>() == 2);
        CHECK(replies[2].as<int>() == 2);
        try {
            static_cast<void>(replies[3].as<int>());
            FAIL("no error");
        } catch (const redis::error& e) {
            CHECK(e.what() == std::string{"weir::redis: INCR: ERR value is not an integer or out of range"});
        }
    }

    TEST_CASE("a transaction with a refused command executes nothing, and names the command") {
        world w;
        redis::client client{options_of_server()};
        redis::transaction t;
        t.command("SET", "a", 1).command("NONSENSE");
        CHECK(w.sim.run(failure_of(client.execute(std::move(t)))) == "weir::redis: NONSENSE: ERR unknown command");
        CHECK(w.data.strings.count("a") == 0);
        CHECK(w.sim.run(client.command<std::string>("ECHO", "x")) == "x");
    }

    TEST_CASE("a dropped transaction shifts no replies") {
        world w;
        redis::client client{options_of_server()};
        w.sim.run([&]() -> weir::task<> {
            co_await client.command("PING");
            redis::transaction t;
            t.command("INCR", "a").command("INCR", "a");
            auto slow = weir::executor::current()->spawn(client.command("SLEEP", 100));
            co_await weir::sleep_for(10ms);
            auto limited = weir::with_timeout(50ms, client.execute(std::move(t)));
            CHECK_FALSE((co_await failure_of(std::move(limited))).empty());
            CHECK(co_await client.command<std::string>("ECHO", "next") == "next");
        });
        CHECK(w.data.strings.at("a") == "2");
        CHECK(client.stats().discarded == 4); // MULTI, two commands, EXEC
    }

    TEST_CASE("commands that disturb the other users of the connection are refused") {
        redis::client client{options_of_server()};
        CHECK(refusal([&] { static_cast<void>(client.command("subscribe", "x")); }) ==
              "weir::redis: SUBSCRIBE changes the connection for all its users; the options log in and select a "
              "database, `execute` runs transactions, and `subscribe` subscribes");
        CHECK(refusal([&] { static_cast<void>(client.command("BLPOP", "x", 0)); }) ==
              "weir::redis: BLPOP would make all commands of the client wait; use a client of its own, with "
              "options.blocking_commands");
        CHECK(refusal([&] {
                  static_cast<void>(client.command("XREAD", "block", 0, "STREAMS", "x", "$"));
              }).starts_with("weir::redis: XREAD would make"));
        CHECK(refusal([&] { static_cast<void>(client.command("XREAD", "STREAMS", "x", "$")); }) == "");
        for (const char* name : {"MULTI", "Exec", "WATCH", "SELECT", "AUTH", "HELLO", "RESET", "QUIT", "MONITOR"}) {
            CHECK(refusal([&] { static_cast<void>(client.command(name)); }) != "");
        }
        const std::vector<std::string> read{"BLOCK", "0", "STREAMS", "x", "$"};
        CHECK(refusal([&] { static_cast<void>(client.command("XREAD", read)); }).starts_with("weir::redis: XREAD "));
        const std::vector<std::string> off{"reply", "off"};
        for (const auto& why : {refusal([&] { static_cast<void>(client.command("CLIENT", "REPLY", "SKIP")); }),
                                refusal([&] { static_cast<void>(client.command("client", off)); })}) {
            CHECK(why.starts_with("weir::redis: CLIENT REPLY changes the connection for all its users"));
        }
        CHECK(refusal([&] { static_cast<void>(client.command("CLIENT", "SETNAME", "reply")); }) == "");
        CHECK(refusal([&] { static_cast<void>(client.command("CLIENT", 5, "reply")); }) == "");
        CHECK(refusal([&] { static_cast<void>(client.command("SCRIPT", "DEBUG", "YES")); }) != "");
        CHECK(refusal([&] { static_cast<void>(client.command("SCRIPT", "LOAD", "return 1")); }) == "");
        redis::transaction t;
        CHECK(refusal([&] { t.command("CLIENT", "REPLY", "OFF"); }) ==
              "weir::redis: CLIENT REPLY cannot be in a transaction");
        CHECK(refusal([&] { t.command("CLIENT", "ID"); }) == "");
        CHECK(refusal([&] { t.command("WATCH", "x"); }) == "weir::redis: WATCH cannot be in a transaction");
        CHECK(refusal([&] { static_cast<void>(client.execute({})); }) ==
              "weir::redis: execute: the transaction has no commands");
    }

    TEST_CASE("options are checked when the client is made") {
        auto o = options_of_server();
        o.max_in_flight = 0;
        CHECK(refusal([&] { redis::client{o}; }) == "weir::redis: options.max_in_flight is 0");
        CHECK(refusal([&] {
                  redis::client{redis::options::from_url("rediss://h")};
              }).starts_with("weir::redis: options.tls is set"));
    }

    TEST_CASE("a client connects by a function of the user") {
        world w;
        int calls = 0;
        redis::client client{options_of_server(), [&calls] {
                                 ++calls;
                                 return weir::tcp_connect(at);
                             }};
        CHECK(w.sim.run(client.command<std::string>("ECHO", "x")) == "x");
        CHECK(calls == 1);
    }

    TEST_CASE("commands fail when their client is destroyed, also from within the function that connects") {
        world w;
        auto client = std::make_unique<redis::client>(options_of_server());
        w.sim.run([&]() -> weir::task<> {
            auto waiting = weir::executor::current()->spawn(failure_of(client->command("FOREVER")));
            co_await weir::sleep_for(50ms);
            client.reset();
            CHECK(co_await waiting == "weir::redis::client: closed");
        });
        client = std::make_unique<redis::client>(options_of_server(), [&client] {
            client.reset();
            return weir::tcp_connect(at);
        });
        CHECK(w.sim.run(failure_of(client->command("PING"))) == "weir::redis::client: closed");
    }

    TEST_CASE("a client can be used on another executor after its first one has been destroyed") {
        redis::client client{options_of_server()};
        for (int i = 0; i != 2; ++i) {
            world w;
            CHECK(w.sim.run(client.command<std::string>("ECHO", "x")) == "x");
        }
    }

    TEST_CASE("a dump shows that a command has no reply") {
        world w;
        auto o = options_of_server();
        o.password = "secret";
        w.data.password = "secret";
        redis::client client{o};
        w.sim.run([&]() -> weir::task<> {
            auto waiting = weir::executor::current()->spawn(failure_of(client.command("FOREVER")));
            co_await weir::sleep_for(50ms);
            const std::string dump = weir::dump(*weir::executor::current());
            INFO(dump);
            CHECK(dump.find("redis::client") != std::string::npos);
            CHECK(dump.find("no reply yet") != std::string::npos);
            CHECK(dump.find("secret") == std::string::npos);
        });
    }

    TEST_CASE("a command allocates nothing") {
        const auto run = [](int n) {
            weir::testing::virtual_executor ex;
            redis::client client{{}, [] { return at_once([] { return yes_man{}; }); }};
            ex.run([&client, n]() -> weir::task<> {
                const std::string value = "a value that is longer than the small string optimisation";
                auto all = weir::with_group([&](weir::task_group& group) -> weir::task<> {
                    for (int i = 0; i != 8; ++i) {
                        group.spawn([&client, &value, n]() -> weir::task<> {
                            for (int j = 0; j != n; ++j) {
                                co_await client.command<void>("SET", "key", value, "EX", j);
                                co_await client.idempotent<std::string>("PING");
                            }
                        });
                    }
                    co_return;
                });
                co_await std::move(all);
            });
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }
}
