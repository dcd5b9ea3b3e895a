#include <weir/testing/simulation.hpp>

#include <array>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/read.hpp>

using namespace std::chrono_literals;
using weir::testing::simulation;
using weir::testing::simulation_options;

namespace {

const weir::endpoint at{"10.0.0.2", 7};

weir::task<> echo(weir::tcp_stream client) {
    auto conversation = weir::read(client) | weir::write(client);
    co_await conversation;
}

/// Until it is dropped.
weir::task<> echo_server(simulation& sim) {
    auto listener = co_await weir::listen(at);
    auto clients = weir::accept(listener);
    while (auto client = co_await weir::next(clients)) sim.spawn(echo(*std::move(client))).detach();
}

/// What came back for what was said.
weir::task<std::string> say(std::string what) {
    auto server = co_await weir::tcp_connect(at);
    co_await server.write(what);
    co_await server.shutdown_write();
    std::string answer;
    std::array<char, 1000> buffer;
    while (const std::size_t n = co_await server.read(buffer)) answer.append(buffer.data(), n);
    co_return answer;
}

} // namespace

TEST_SUITE("testing/simulation") {
    TEST_CASE("a server and a client run unchanged") {
        simulation sim{1};
        auto server = sim.spawn(echo_server(sim));
        CHECK(sim.run(say("hello")) == "hello");
        CHECK(sim.elapsed() >= 4 * 1ms);
        CHECK(sim.elapsed() < 100ms);
    }

    TEST_CASE("one seed, one history") {
        const auto history = [](std::uint64_t seed) {
            simulation sim{seed, {.network = {.short_transfer = 0.3}}};
            auto server = sim.spawn(echo_server(sim));
            CHECK(sim.run(say(std::string(5000, 'x'))).size() == 5000);
            return std::pair{sim.trace().hash(), sim.trace().to_string(1000)};
        };
        const auto first = history(5);
        CHECK(first == history(5));
        CHECK(first.second != history(6).second);
    }
}
