// SPDX-License-Identifier: MIT
// A server with limits and clients that try again, through everything that a network does to them.

#include <weir/testing/simulation.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/limit_exceeded.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/lines.hpp>

#include "seeds.hpp"

using namespace std::chrono_literals;
using weir::testing::simulation;

namespace {

constexpr auto idle_limit = 5s;
constexpr std::size_t most_connections = 2;
constexpr std::size_t longest_line = 64;
const weir::endpoint address{"10.0.0.2", 7};

void demand(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error{what};
}

/// Counts who is there.
class presence {
public:
    explicit presence(std::size_t& count) : count_{count} { ++count_; }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { --count_; }

private:
    std::size_t& count_;
};

struct server {
    std::size_t running = 0;
    std::size_t most = 0;
    std::map<std::string, int> ends; // why connections ended

    /// Each line goes back. They say `<number of the line in this connection> <item>`.
    weir::task<> talk(weir::tcp_stream client) {
        const presence here{running};
        most = std::max(most, running);
        auto questions = weir::lines(client, {.limit = longest_line}) | weir::timeout(idle_limit);
        std::size_t number = 0;
        while (const auto question = co_await weir::next(questions)) {
            const std::string text = std::string{question->view()} + '\n';
            demand(text.starts_with(std::to_string(number++) + ' '), "the server lost a line before " + text);
            co_await weir::with_timeout(idle_limit, client.write(text));
        }
        ++ends["end"];
    }

    void failed(std::exception_ptr error) {
        try {
            std::rethrow_exception(std::move(error));
        } catch (const weir::timed_out&) {
            ++ends["idle"];
        } catch (const std::system_error& e) {
            const int code = e.code().value();
            demand(code == ECONNRESET || code == EPIPE || code == ETIMEDOUT, e.what());
            ++ends["network"];
        }
    }
};

struct client {
    std::size_t running = 0;
    int done = 0; // items that came back
    int attempts = 0;
    weir::random_bits& random;

    /// One connection, for as long as it goes well, or until all items have come back.
    weir::task<> talk(int items) {
        const presence here{running};
        ++attempts;
        auto connection = co_await weir::with_timeout(3s, weir::tcp_connect(address));
        auto answers = weir::lines(connection) | weir::timeout(3s);
        std::size_t number = 0;
        while (done != items) {
            const int together = std::min(items - done, 1 + static_cast<int>(random() % 4));
            std::string text;
            std::vector<std::string> expected;
            for (int i = 0; i != together; ++i) {
                expected.push_back(std::to_string(number++) + " item" + std::to_string(done + i));
                text += expected.back() + '\n';
            }
            co_await weir::with_timeout(3s, connection.write(text));
            for (const std::string& e : expected) {
                const auto answer = co_await weir::next(answers);
                if (!answer) throw std::system_error{ECONNRESET, std::system_category(), "the server left"};
                demand(answer->view() == e, "asked for " + e + ", got " + std::string{answer->view()});
                ++done;
            }
        }
    }

    /// All of them, in as many connections as it takes.
    auto all(int items) {
        return weir::retry([this, items] { return talk(items); }, {.attempts = weir::retry_policy::unlimited,
                                                                   .delay = 20ms,
                                                                   .max_delay = 1s,
                                                                   .when = [](const std::exception_ptr& error) {
                                                                       try {
                                                                           std::rethrow_exception(error);
                                                                       } catch (const std::logic_error&) {
                                                                           return false;
                                                                       } catch (...) {
                                                                           return true;
                                                                       }
                                                                   }});
    }
};

/// Faults, more or less, as the seed has it.
void disturb(simulation& sim) {
    weir::testing::network_options& o = sim.network().options();
    const auto up_to = [&](double most) {
        return sim.random()() % 3 == 0 ? 0 : most * static_cast<double>(sim.random()() % 1000) / 1000;
    };
    o.short_transfer = up_to(0.8);
    o.reset = up_to(0.08);
    o.refuse = up_to(0.2);
    o.black_hole = up_to(0.1);
    o.abort_accept = up_to(0.1);
    o.partition = up_to(0.02);
    o.longest_partition = 20s;
    o.longest_latency = 1ms * (1 + sim.random()() % 300);
    o.bandwidth = sim.random()() % 2 == 0 ? 0 : 1000 + sim.random()() % 100'000;
    o.buffer = sim.random()() % 2 == 0 ? 16 : 64 * 1024;
}

struct totals {
    std::uint64_t items = 0;
    std::uint64_t attempts = 0;
    std::uint64_t ended = 0;
    weir::duration time{};
    std::map<std::string, int> ends;
};

void one_history(simulation& sim, totals& sum) {
    disturb(sim);
    constexpr int items = 12;
    server s;
    client a{.random = sim.random()};
    client b{.random = sim.random()};
    client c{.random = sim.random()};
    std::stop_source stop;
    {
        auto listening = weir::listen(address, {.backlog = 3});
        auto serving = sim.spawn([](auto& listen, server& me, std::stop_token until) -> weir::task<weir::serve_result> {
            auto listener = co_await listen;
            auto run = weir::accept(std::move(listener)) |
                       weir::serve([&me](weir::tcp_stream one) { return me.talk(std::move(one)); }, until,
                                   {.max_connections = most_connections,
                                    .drain = 1s,
                                    .on_error = [&me](std::exception_ptr error) { me.failed(std::move(error)); }});
            co_return co_await run;
        }(listening, s, stop.get_token()));

        auto clients = weir::when_all(a.all(items), b.all(items), c.all(items));
        sim.run(std::move(clients));
        demand(a.done == items && b.done == items && c.done == items, "a client ended early");
        demand(s.most <= most_connections, "more connections than there may be");

        // All clients are gone. A connection that has not seen its client's end is idle, and a waiting one is accepted.
        sim.network().heal();
        sim.advance(5 * idle_limit);
        demand(s.running == 0, "a connection is alive for no reason");
        demand(a.running + b.running + c.running == 0, "a client's attempt was not dropped");
        demand(sim.network().connections() == 0, "the network knows of a connection that nobody has");
        demand(sim.descriptors() == 1, "descriptors are open beside the listener");

        stop.request_stop();
        const auto result = sim.run(std::move(serving));
        int ends = 0;
        for (const auto& [why, count] : s.ends) {
            ends += count;
            sum.ends[why] += count;
        }
        demand(result.served + result.failed == static_cast<std::uint64_t>(ends) && result.dropped == 0,
               "connections are not accounted for");
        sum.ended += result.served + result.failed;
    }
    demand(sim.descriptors() == 0, "descriptors are open");
    demand(sim.stats().timers_armed == 0, "timers are armed");
    demand(sim.stats().io_in_flight == 0, "operations are in flight");
    sum.items += static_cast<std::uint64_t>(a.done + b.done + c.done);
    sum.attempts += static_cast<std::uint64_t>(a.attempts + b.attempts + c.attempts);
    sum.time += sim.elapsed();
}

} // namespace

TEST_SUITE("simulation/echo") {
    TEST_CASE(
        "simulated echo server: no item is lost, none comes twice, and nothing is left, whatever the network does") {
        totals sum;
        const auto begin = std::chrono::steady_clock::now();
        const std::uint64_t seeds = support::seeds(10'000);
        weir::testing::for_each_seed(seeds, [&](simulation& sim) { one_history(sim, sum); });
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        std::string ends;
        for (const auto& [why, count] : sum.ends) ends += ' ' + why + ' ' + std::to_string(count);
        MESSAGE(sum.items, " items in ", sum.attempts, " attempts; connections ended:", ends, "; ",
                std::chrono::duration<double>{sum.time}.count(), " virtual seconds in ", took.count(), " s");
        if (std::getenv("WEIR_SEED") != nullptr) return;
        // The test tests something.
        CHECK(sum.attempts > sum.ended);
        CHECK(sum.ended > 3 * seeds);
        // Hundreds of thousands of virtual seconds a minute, where the compiler has had its way: there were ten
        // million.
        if (seeds == 10'000) CHECK(std::chrono::duration<double>{sum.time}.count() * 60 / took.count() > 500'000);
    }

    TEST_CASE("simulated echo server: one seed produces one history") {
        const auto history = [](std::uint64_t seed) {
            simulation sim{seed};
            totals sum;
            one_history(sim, sum);
            return std::tuple{sim.trace().hash(), sim.trace().size(), sim.trace().to_string(1000)};
        };
        for (std::uint64_t seed = 1; seed <= 20; ++seed) CHECK(history(seed) == history(seed));
        CHECK(history(1) != history(2));
    }
}
