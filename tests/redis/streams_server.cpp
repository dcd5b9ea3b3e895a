// SPDX-License-Identifier: MIT
// Consumer groups on a real redis-server, which is killed, restarted, stopped, full and slow.
#include <weir/redis/streams.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/messages/conformance.hpp>
#include <weir/messages/consumer.hpp>
#include <weir/messages/for_each_message.hpp>
#include <weir/redis/client.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

#include "real_server.hpp"

using namespace std::chrono_literals;
namespace redis = weir::redis;
namespace messages = weir::messages;
using support::redis::real_server;
using support::redis::run;

namespace {

/// Keeps the server busy for so many seconds.
constexpr std::string_view busy = "local function now() local t = redis.call('TIME') return t[1] + t[2] / 1000000 end "
                                  "local began = now() repeat until now() - began > tonumber(ARGV[1]) return 1";

/// A server that keeps its data when it is killed.
const std::vector<std::string> durable{"--appendonly", "yes", "--appendfsync", "always"};

redis::group_options group_of(std::vector<std::string> streams) {
    redis::group_options g;
    g.group = "group";
    g.streams = std::move(streams);
    g.lease = 600ms;
    g.block = 500ms;
    g.claim_after = 1s;
    return g;
}

/// Streams of a real server.
class redis_bed final : public messages::broker_under_test {
public:
    redis_bed(real_server& server, redis::stream_order order) : server_{server}, order_{order} {}

    weir::task<> reset() override {
        while (faults_ != 0) co_await weir::sleep_for(10ms);
        std::vector<std::string> streams;
        ++topic_;
        for (std::size_t i = 0; i != partitions(); ++i) {
            streams.push_back("topic" + std::to_string(topic_) + ":" + std::to_string(i));
        }
        group_ = group_of(std::move(streams));
        group_.group += std::to_string(topic_);
        group_.order = order_;
        counts_.assign(partitions(), 0);
    }
    std::size_t partitions() const override { return 3; }
    messages::consumer join(messages::consumer_options o) override {
        return messages::consumer{redis::group_member{client_, group_}, std::move(o)};
    }
    weir::task<> publish(std::size_t partition, std::string value) override {
        // With an ID of its own, a record is not added twice when a reply is lost.
        const std::string id = std::to_string(++counts_.at(partition)) + "-0";
        for (;;) {
            try {
                auto adding = client_.command("XADD", group_.streams.at(partition), id, "value", value);
                static_cast<void>(co_await std::move(adding));
                co_return;
            } catch (const redis::error& e) {
                if (e.text().find("equal or smaller") != std::string::npos) co_return;
                if (e.code() != "LOADING") throw; // after a restart
            } catch (const redis::connection_lost&) {
                // again
            } catch (const redis::not_connected&) {
                // again
            }
        }
    }
    weir::task<bool> inject(messages::fault what) override {
        auto& ex = *weir::executor::current();
        ++faults_;
        if (what == messages::fault::connection_loss) {
            --faults_;
            try {
                auto killing = client_.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no");
                static_cast<void>(co_await std::move(killing));
            } catch (const redis::connection_lost&) {
                // its own
            }
        } else if (what == messages::fault::pause) {
            server_.signal(SIGSTOP);
            fault_ = ex.spawn(resume());
        } else if (what == messages::fault::restart) {
            fault_ = ex.spawn(restart());
        } else {
            fault_ = ex.spawn(keep_busy());
        }
        co_return true;
    }

private:
    weir::task<> resume() {
        co_await weir::sleep_for(1500ms); // longer than a lease
        server_.signal(SIGCONT);
        --faults_;
    }
    weir::task<> restart() {
        co_await server_.kill();
        co_await weir::sleep_for(200ms);
        co_await server_.start();
        --faults_;
    }
    weir::task<> keep_busy() {
        redis::client other{server_.options()};
        for (int i = 0; i != 15; ++i) {
            auto wasting = other.command("EVAL", busy, 0, 0.05);
            static_cast<void>(co_await std::move(wasting));
        }
        --faults_;
    }

    real_server& server_;
    redis::stream_order order_;
    redis::client client_{server_.options()};
    redis::group_options group_;
    std::vector<std::uint64_t> counts_;
    int topic_ = 0;
    int faults_ = 0;
    std::optional<weir::join_handle<weir::task<>>> fault_;
};

weir::task<> add(redis::client& client, std::string stream, int from, int to) {
    for (int i = from; i != to; ++i) {
        auto adding = client.command("XADD", stream, "*", "value", i, "key", "k", "trace", 17);
        static_cast<void>(co_await std::move(adding));
    }
}

/// Receives n messages and acknowledges them. Returns their values.
template <class S>
weir::task<std::vector<int>> receive(S& stream, int n) {
    std::vector<int> got;
    for (int i = 0; i != n; ++i) {
        auto m = co_await weir::next(stream);
        REQUIRE(m.has_value());
        got.push_back(std::stoi(m->value()));
        m->ack();
    }
    co_return got;
}

std::vector<int> count(int from, int to) {
    std::vector<int> all;
    for (int i = from; i != to; ++i) all.push_back(i);
    return all;
}

weir::task<std::size_t> consumers_of(redis::client& client, std::string stream) {
    auto asking = client.command<std::vector<redis::value>>("XINFO", "CONSUMERS", stream, "group");
    const auto all = co_await std::move(asking);
    co_return all.size();
}

} // namespace

TEST_SUITE("redis/streams_server") {
    TEST_CASE("a group with an order conforms on a real server") {
        run([]() -> weir::task<> {
            real_server server{durable};
            co_await server.start();
            redis_bed bed{server, redis::stream_order::per_stream};
            const messages::conformance_options o{.patience = 20s, .records = 16};
            auto checking = messages::check_conformance(bed, o);
            const std::string failure = co_await std::move(checking);
            CHECK(failure == "");
        });
    }

    TEST_CASE("a group without an order conforms on a real server") {
        run([]() -> weir::task<> {
            real_server server{durable};
            co_await server.start();
            redis_bed bed{server, redis::stream_order::none};
            const messages::conformance_options o{.patience = 20s, .records = 16, .exclusive = false};
            auto checking = messages::check_conformance(bed, o);
            const std::string failure = co_await std::move(checking);
            CHECK(failure == "");
        });
    }

    TEST_CASE("the fields of an entry become a message") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            auto adding = client.command("XADD", "s", "1700000000000-3", "value", "text", "key", "k", "trace", 17);
            static_cast<void>(co_await std::move(adding));
            messages::consumer c{redis::group_member{client, group_of({"s"})}};
            auto all = c.messages();
            auto m = co_await weir::next(all);
            REQUIRE(m.has_value());
            CHECK(m->value() == "text");
            CHECK(m->key() == "k");
            CHECK(m->header("trace") == "17");
            CHECK(m->partition() == "s");
            CHECK(m->epoch() == 1);
            CHECK(m->attempt() == 1);
            CHECK(m->position() == messages::position{1700000000000, 3});
            CHECK(m->timestamp().time_since_epoch() == 1700000000000ms);
            m->ack();
            const auto left = co_await c.close();
            CHECK(left.unanswered == 0);
            CHECK(co_await consumers_of(client, "s") == 0);
            CHECK(co_await client.command<int>("EXISTS", "weir:group:lease:s") == 0);
            CHECK(co_await client.command<int>("ZCARD", "weir:group:members") == 0);
        });
    }

    TEST_CASE("entries that a member has left go to another, which deletes it when nothing is pending") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 0, 10);
            {
                messages::consumer dies{redis::group_member{client, group_of({"s"})}};
                auto all = dies.messages();
                CHECK(co_await receive(all, 4) == count(0, 4));
                while (dies.stats().committed != 4) co_await weir::sleep_for(5ms);
            }
            CHECK(co_await consumers_of(client, "s") == 1);
            co_await add(client, "s", 10, 12);
            messages::consumer stays{redis::group_member{client, group_of({"s"})}};
            auto all = stays.messages();
            auto first = co_await weir::next(all);
            REQUIRE(first.has_value());
            CHECK(first->value() == "4");
            CHECK(first->attempt() == 2);
            CHECK(first->epoch() == 2);
            first->ack();
            CHECK(co_await receive(all, 7) == count(5, 12));
            CHECK(co_await consumers_of(client, "s") == 1); // its own
            const auto left = co_await stays.close();
            CHECK(left.uncommitted == 0);
            CHECK(co_await consumers_of(client, "s") == 0);
        });
    }

    TEST_CASE("a member that leaves with pending entries stays a consumer of the stream") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 0, 2);
            messages::consumer c{redis::group_member{client, group_of({"s"})}, {.shutdown_limit = 100ms}};
            auto all = c.messages();
            auto open = co_await weir::next(all);
            static_cast<void>(co_await c.close());
            CHECK(co_await consumers_of(client, "s") == 1);
        });
    }

    TEST_CASE("a member without its lease neither reads nor acknowledges") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 0, 1);
            auto g = group_of({"s"});
            g.lease = 2s;
            messages::consumer c{redis::group_member{client, g}, {.max_fetch = 1}};
            auto all = c.messages();
            auto m = co_await weir::next(all);
            CHECK(m->value() == "0");
            auto taking = client.command("SET", "weir:group:lease:s", "another:99", "PX", 1500);
            static_cast<void>(co_await std::move(taking));
            co_await add(client, "s", 1, 3);
            m->ack();
            // The entry is pending, and comes again under a new lease.
            auto again = co_await weir::next(all);
            CHECK(again->value() == "0");
            CHECK(again->epoch() == 2);
            const auto s = c.stats();
            CHECK(s.stale_commits + s.lost >= 1);
            again->ack();
            CHECK(co_await receive(all, 2) == count(1, 3));
        });
    }

    TEST_CASE("entries that were trimmed before they were delivered are counted, and so is the lag") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 0, 20);
            messages::consumer_options o;
            o.max_fetch = 2;
            o.inspect_interval = 20ms;
            messages::consumer c{redis::group_member{client, group_of({"s"})}, o};
            auto all = c.partitions();
            auto p = co_await weir::next(all);
            CHECK(co_await receive(*p, 2) == count(0, 2));
            while (c.stats().lag != 18) co_await weir::sleep_for(5ms);
            static_cast<void>(co_await client.command("XTRIM", "s", "MAXLEN", 10));
            CHECK(co_await receive(*p, 10) == count(10, 20));
            auto reading = weir::executor::current()->spawn(weir::next(*p));
            while (c.stats().trimmed != 8 || c.stats().lag != 0) co_await weir::sleep_for(5ms);
            co_await add(client, "s", 20, 21);
            auto last = co_await reading;
            CHECK(last->value() == "20");
        });
    }

    TEST_CASE("a group that was deleted is created again") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 0, 1);
            messages::consumer c{redis::group_member{client, group_of({"s"})}};
            auto all = c.messages();
            CHECK(co_await receive(all, 1) == count(0, 1));
            co_await server.kill(); // and its data with it
            co_await server.start();
            co_await add(client, "s", 1, 3);
            CHECK(co_await receive(all, 2) == count(1, 3));
        });
    }

    TEST_CASE("messages are consumed on a server that is full") {
        run([]() -> weir::task<> {
            real_server server{{"--maxmemory", "4mb", "--maxmemory-policy", "noeviction"}};
            co_await server.start();
            redis::client client{server.options()};
            messages::consumer c{redis::group_member{client, group_of({"s"})}};
            auto all = c.messages();
            co_await add(client, "s", 0, 1);
            CHECK(co_await receive(all, 1) == count(0, 1));
            int added = 1;
            std::string refused;
            const std::string large(50'000, 'x');
            while (refused.empty()) {
                try {
                    auto adding = client.command("XADD", "s", "*", "value", added, "padding", large);
                    static_cast<void>(co_await std::move(adding));
                    ++added;
                } catch (const redis::error& e) {
                    refused = e.code();
                }
            }
            CHECK(refused == "OOM");
            const auto got = co_await receive(all, added - 1);
            CHECK(got.back() == added - 1);
            co_await weir::sleep_for(1s); // longer than a lease
            static_cast<void>(co_await client.command("XTRIM", "s", "MAXLEN", 0));
            co_await add(client, "s", added, added + 1);
            CHECK(co_await receive(all, 1) == count(added, added + 1));
            CHECK(c.stats().lost == 0);
        });
    }

    TEST_CASE("entries that are too large together are read one by one") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            const std::string large(400'000, 'x');
            for (int i = 0; i != 12; ++i) {
                auto adding = client.command("XADD", "s", "*", "value", i, "padding", large);
                static_cast<void>(co_await std::move(adding));
            }
            auto o = server.options();
            o.max_reply_size = 1'000'000;
            const redis::client limited{o};
            messages::consumer c{redis::group_member{limited, group_of({"s"})}};
            auto all = c.messages();
            CHECK(co_await receive(all, 12) == count(0, 12));
            CHECK(c.stats().faults > 0);
        });
    }

    TEST_CASE("dead letters are added to a stream") {
        run([]() -> weir::task<> {
            real_server server;
            co_await server.start();
            redis::client client{server.options()};
            co_await add(client, "s", 7, 8);
            messages::consumer_options o;
            o.redelivery.attempts = 2;
            o.redelivery.delay = 1ms;
            o.dead_letter = redis::dead_letters_to(client, "dead");
            messages::consumer c{redis::group_member{client, group_of({"s"})}, o};
            auto reject = weir::for_each([](messages::message<std::string> m) { m.nack(); });
            auto working = weir::executor::current()->spawn(c.messages() | std::move(reject));
            while (c.stats().committed != 1) co_await weir::sleep_for(5ms);
            using entry = std::pair<std::string, std::map<std::string, std::string>>;
            const auto dead = co_await client.command<std::vector<entry>>("XRANGE", "dead", "-", "+");
            REQUIRE(dead.size() == 1);
            const auto& fields = dead[0].second;
            CHECK(fields.at("value") == "7");
            CHECK(fields.at("key") == "k");
            CHECK(fields.at("trace") == "17");
            CHECK(fields.at("partition") == "s");
            CHECK(fields.at("attempts") == "2");
        });
    }
}
