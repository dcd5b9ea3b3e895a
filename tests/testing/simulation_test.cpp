// SPDX-License-Identifier: MIT
#include <weir/testing/simulation.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <stdio.h>
#include <unistd.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/process.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>
#include <weir/io/unix.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/follow.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/read.hpp>
#include <weir/source/signals.hpp>
#include <weir/source/walk.hpp>
#include <weir/source/watch.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

#include "child.hpp"

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

/// The error that something fails with; 0 when it does not.
template <class A>
int error_of(simulation& sim, A what) {
    try {
        sim.run(std::move(what));
    } catch (const std::system_error& e) {
        return e.code().value();
    }
    return 0;
}

/// Both ends of a new connection: the one that connected, and the one that was accepted.
using two_ends = std::pair<weir::tcp_stream, weir::tcp_stream>;

weir::task<two_ends> connect_both() {
    auto listener = co_await weir::listen(at);
    auto both = weir::when_all(weir::tcp_connect(at), listener.accept());
    auto [here, there] = co_await both;
    co_return two_ends{std::move(here), std::move(there)};
}

weir::task<std::string> read_all(weir::tcp_stream& from) {
    std::string all;
    std::array<char, 1000> buffer;
    while (const std::size_t n = co_await from.read(buffer)) all.append(buffer.data(), n);
    co_return all;
}

weir::task<> write_and_end(weir::tcp_stream& to, std::string what) {
    co_await to.write(what);
    co_await to.shutdown_write();
}

weir::task<> write_file(std::string path, std::string content) {
    auto f = co_await weir::open(path, weir::open_mode::write);
    co_await f.write(content);
    co_await f.sync();
}

weir::task<std::string> read_file(std::string path) {
    std::string all;
    auto blocks = weir::read(path);
    while (const auto block = co_await weir::next(blocks)) all += block->view();
    co_return all;
}

/// What a program says on stderr and how it ends, when a seed fails in it.
std::string told_by(std::uint64_t failing, const char* only) {
    return support::in_child([&] {
        std::FILE* const file = std::tmpfile();
        ::dup2(::fileno(file), 2);
        if (only != nullptr) ::setenv("WEIR_SEED", only, 1);
        std::string result;
        std::uint64_t ran = 0;
        try {
            weir::testing::for_each_seed(10, [&](simulation& sim) {
                ++ran;
                sim.note("it begins");
                sim.run(weir::sleep_for(10ms));
                if (sim.seed() == failing) throw std::runtime_error{"it broke"};
            });
        } catch (const std::runtime_error& e) {
            result = std::string{"thrown: "} + e.what() + '\n';
        }
        result = std::to_string(ran) + " ran\n" + result;
        std::string text(5000, ' ');
        std::rewind(file);
        text.resize(std::fread(text.data(), 1, text.size(), file));
        return result + text;
    });
}

} // namespace

TEST_SUITE("testing/simulation") {
    TEST_CASE("simulation: a server and a client run unchanged") {
        simulation sim{1};
        auto server = sim.spawn(echo_server(sim));
        CHECK(sim.run(say("hello")) == "hello");
        CHECK(sim.elapsed() >= 4 * 1ms);
        CHECK(sim.elapsed() < 100ms);
    }

    TEST_CASE("simulation: one seed produces one history") {
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

    TEST_CASE("simulation: a year of virtual time passes at once") {
        simulation sim{1};
        sim.run(weir::sleep_for(365 * 24h));
        CHECK(sim.elapsed() >= 365 * 24h);
        CHECK(sim.elapsed() < 365 * 24h + 1s);
    }

    TEST_CASE("simulation: a seed decides which ready waker runs first") {
        std::set<std::string> orders;
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            simulation sim{seed};
            std::string order;
            const auto named = [&order](char name) -> weir::task<> {
                co_await weir::sleep_for(1ms);
                order += name;
            };
            auto all = weir::when_all(named('a'), named('b'), named('c'));
            sim.run(std::move(all));
            orders.insert(order);
        }
        CHECK(orders.size() == 6);
    }

    TEST_CASE(
        "simulation: a seed decides which of two operations is complete first, and whether a timer is due before") {
        std::set<std::string> orders;
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            simulation sim{seed, {.network = {.shortest_latency = 1ms, .longest_latency = 1ms}}};
            std::string order;
            const auto reads = [&order](weir::tcp_stream& from, char name) -> weir::task<> {
                std::array<char, 1> buffer;
                co_await from.read(buffer);
                order += name;
            };
            const auto talk = [&]() -> weir::task<> {
                two_ends one = co_await connect_both();
                two_ends two = co_await connect_both();
                const auto wait = [&order]() -> weir::task<> {
                    co_await weir::sleep_for(1ms);
                    order += 't';
                };
                auto all = weir::when_all(one.first.write("x"), two.first.write("x"), reads(one.second, 'a'),
                                          reads(two.second, 'b'), wait());
                co_await all;
            };
            sim.run(talk());
            orders.insert(order);
        }
        CHECK(orders.size() == 6);
    }

    TEST_CASE("simulation: each end of a connection returns the other's address") {
        simulation sim{1, {.host = "10.0.0.7"}};
        const auto talk = [&]() -> weir::task<> {
            const two_ends both = co_await connect_both();
            CHECK(both.first.remote_endpoint() == at);
            CHECK(both.second.remote_endpoint().address() == "10.0.0.7");
            const weir::endpoint local = co_await both.first.local_endpoint();
            CHECK(both.second.remote_endpoint() == local);
        };
        sim.run(talk());
    }

    TEST_CASE("simulation: a port in use cannot be listened on until it is free") {
        simulation sim{1};
        {
            const auto first = sim.run(weir::listen(at));
            CHECK(error_of(sim, weir::listen(at)) == EADDRINUSE);
        }
        CHECK(error_of(sim, weir::listen(at)) == 0);
    }

    TEST_CASE("simulation: data arrives after the latency and the time for its size") {
        simulation sim{1, {.network = {.shortest_latency = 100ms, .longest_latency = 200ms, .bandwidth = 10'000}}};
        two_ends both = sim.run(connect_both());
        const auto begin = sim.elapsed();
        auto talk = weir::when_all(write_and_end(both.first, std::string(100'000, 'x')), read_all(both.second));
        const auto [sent, received] = sim.run(std::move(talk));
        CHECK(received == std::string(100'000, 'x'));
        const auto took = sim.elapsed() - begin;
        CHECK(took >= 10s + 100ms);
        CHECK(took < 13s);
    }

    TEST_CASE("simulation: a connection accepts no more than its buffer until the other end reads") {
        simulation sim{1, {.network = {.buffer = 1000}}};
        two_ends both = sim.run(connect_both());
        auto writing = sim.spawn(write_and_end(both.first, std::string(1500, 'x')));
        sim.advance(1h);
        CHECK_FALSE(writing.finished());
        CHECK(sim.run(read_all(both.second)).size() == 1500);
    }

    TEST_CASE("simulation: short reads and writes lose nothing") {
        simulation sim{3, {.network = {.short_transfer = 0.9}}};
        two_ends both = sim.run(connect_both());
        std::string text;
        for (int i = 0; i != 1000; ++i) text += std::to_string(i);
        std::size_t reads = 0;
        const auto count = [&]() -> weir::task<std::string> {
            std::string all;
            std::array<char, 10'000> buffer;
            while (const std::size_t n = co_await both.second.read(buffer)) {
                ++reads;
                all.append(buffer.data(), n);
            }
            co_return all;
        };
        auto talk = weir::when_all(write_and_end(both.first, text), count());
        const auto [sent, received] = sim.run(std::move(talk));
        CHECK(received == text);
        CHECK(reads > 5);
    }

    TEST_CASE("simulation: a reset connection fails at both ends") {
        simulation sim{1, {.network = {.reset = 1}}};
        two_ends both = sim.run(connect_both());
        sim.run(both.first.write("x"));
        sim.advance(1s);
        CHECK(error_of(sim, both.first.write("y")) == ECONNRESET);
        CHECK(error_of(sim, both.first.write("y")) == EPIPE);
        CHECK(error_of(sim, [](weir::tcp_stream& s) -> weir::task<> { co_await read_all(s); }(both.second)) ==
              ECONNRESET);
        CHECK(sim.network().connections() == 0);
    }

    TEST_CASE("simulation: all connections of a host can be reset") {
        simulation sim{1};
        two_ends both = sim.run(connect_both());
        CHECK(sim.network().connections() == 1);
        sim.network().reset("10.0.0.3");
        sim.advance(1s);
        CHECK(sim.network().connections() == 1);
        sim.network().reset("10.0.0.2");
        sim.advance(1s);
        CHECK(sim.network().connections() == 0);
        CHECK(error_of(sim, read_all(both.first)) == ECONNRESET);
    }

    TEST_CASE("simulation: one direction of a connection ends without the other") {
        simulation sim{1};
        two_ends both = sim.run(connect_both());
        sim.run(both.first.shutdown_write());
        CHECK(sim.run(read_all(both.second)) == "");
        CHECK(error_of(sim, both.first.write("no more")) == EPIPE);
        auto talk = weir::when_all(write_and_end(both.second, "still here"), read_all(both.first));
        const auto [sent, received] = sim.run(std::move(talk));
        CHECK(received == "still here");
    }

    TEST_CASE("simulation: closing with unread data resets the connection") {
        simulation sim{1};
        two_ends both = sim.run(connect_both());
        sim.run(both.first.write("nobody reads this"));
        sim.advance(1s);
        both.second.close();
        sim.advance(1s);
        CHECK(error_of(sim, read_all(both.first)) == ECONNRESET);
    }

    TEST_CASE("simulation: a connect is refused without a listener or by a fault") {
        simulation sim{1};
        CHECK(error_of(sim, weir::tcp_connect(at)) == ECONNREFUSED);
        const auto listener = sim.run(weir::listen(at));
        CHECK(error_of(sim, weir::tcp_connect(at)) == 0);
        sim.network().options().refuse = 1;
        CHECK(error_of(sim, weir::tcp_connect(at)) == ECONNREFUSED);
        CHECK(sim.elapsed() < 1s);
    }

    TEST_CASE("simulation: a connect without an answer fails after its time limit or is abandoned") {
        simulation sim{1, {.network = {.black_hole = 1}}};
        const auto listener = sim.run(weir::listen(at));
        CHECK_THROWS_AS(sim.run(weir::with_timeout(3s, weir::tcp_connect(at))), weir::timed_out);
        CHECK(sim.elapsed() >= 3s);
        CHECK(sim.elapsed() < 4s);
        CHECK(error_of(sim, weir::tcp_connect(at)) == ETIMEDOUT);
        CHECK(sim.elapsed() >= 127s);
        CHECK(sim.descriptors() == 1);
    }

    TEST_CASE("simulation: a partition delays data until it heals") {
        simulation sim{1};
        two_ends both = sim.run(connect_both());
        sim.network().partition("10.0.0.1", "10.0.0.2", 1min);
        const auto begin = sim.elapsed();
        auto talk = weir::when_all(write_and_end(both.first, "hello"), read_all(both.second));
        const auto [sent, received] = sim.run(std::move(talk));
        CHECK(received == "hello");
        CHECK(sim.elapsed() - begin >= 1min);
        CHECK(sim.elapsed() - begin < 2min);
    }

    TEST_CASE("simulation: a partition that lasts too long fails the sender") {
        simulation sim{1};
        two_ends both = sim.run(connect_both());
        sim.network().partition("10.0.0.1", "10.0.0.2");
        sim.run(both.first.write("hello"));
        CHECK(error_of(sim, read_all(both.first)) == ETIMEDOUT);
        CHECK(sim.elapsed() >= 15min);
        CHECK(error_of(sim, weir::tcp_connect(at)) == ETIMEDOUT);
    }

    TEST_CASE("simulation: a connect is tried again until a partition heals") {
        simulation sim{1};
        const auto listener = sim.run(weir::listen(at));
        sim.network().partition("10.0.0.1", "10.0.0.2");
        auto connecting = sim.spawn(weir::tcp_connect(at));
        sim.advance(30s);
        CHECK_FALSE(connecting.finished());
        sim.network().heal("10.0.0.1", "10.0.0.2");
        CHECK(sim.run(std::move(connecting)).is_open());
        CHECK(sim.elapsed() < 2min);
    }

    TEST_CASE("simulation: a write may start a partition, which ends by itself") {
        simulation sim{1, {.network = {.partition = 1, .longest_partition = 10s}}};
        two_ends both = sim.run(connect_both());
        const auto begin = sim.elapsed();
        auto talk = weir::when_all(write_and_end(both.first, "hello"), read_all(both.second));
        const auto [sent, received] = sim.run(std::move(talk));
        CHECK(received == "hello");
        CHECK(sim.elapsed() - begin > 10ms);
        CHECK(sim.elapsed() - begin < 11s);
    }

    TEST_CASE("simulation: a connection beyond the backlog waits, and is reset when the listener closes") {
        simulation sim{1};
        auto listener = sim.run(weir::listen(at, {.backlog = 1}));
        auto first = sim.run(weir::tcp_connect(at));
        auto second = sim.spawn(weir::tcp_connect(at));
        sim.advance(10s);
        CHECK_FALSE(second.finished());
        auto accepted = sim.run(listener.accept());
        sim.advance(20s);
        CHECK(second.finished());
        auto connection = sim.run(std::move(second));
        listener.close();
        CHECK(error_of(sim, read_all(connection)) == ECONNRESET);
        CHECK(sim.network().connections() == 1);
    }

    TEST_CASE("simulation: accept skips a connection that fails before it is accepted") {
        simulation sim{1, {.network = {.abort_accept = 1}}};
        auto listener = sim.run(weir::listen(at));
        auto accepting = sim.spawn(listener.accept());
        auto lost = sim.run(weir::tcp_connect(at));
        sim.advance(1s);
        CHECK_FALSE(accepting.finished());
        CHECK(sim.network().connections() == 0);
        sim.network().options().abort_accept = 0;
        auto found = sim.run(weir::tcp_connect(at));
        CHECK(sim.run(std::move(accepting)).is_open());
    }

    TEST_CASE("simulation: datagrams arrive, are lost, or arrive twice") {
        simulation sim{1};
        auto receiver = sim.run(weir::udp_bind(at));
        auto sender = sim.run(weir::udp_bind({"10.0.0.1", 9}));
        std::array<char, 100> buffer;
        const auto arrived = [&] {
            int count = 0;
            try {
                for (;;) {
                    const auto d = sim.run(weir::with_timeout(1s, receiver.receive_from(buffer)));
                    CHECK(std::string_view{buffer.data(), d.size} == "hello");
                    CHECK(d.from == weir::endpoint{"10.0.0.1", 9});
                    ++count;
                }
            } catch (const weir::timed_out&) {}
            return count;
        };
        sim.run(sender.send_to("hello", at));
        CHECK(arrived() == 1);
        sim.network().options().duplicate_datagram = 1;
        sim.run(sender.send_to("hello", at));
        CHECK(arrived() == 2);
        sim.network().options().lose_datagram = 1;
        sim.run(sender.send_to("hello", at));
        CHECK(arrived() == 0);
    }

    TEST_CASE("simulation: the source read reads a file in short pieces") {
        simulation sim{2, {.files = {.short_transfer = 0.9}}};
        std::string text;
        for (int i = 0; i != 1000; ++i) text += std::to_string(i) + '\n';
        sim.files().put("/data/log", text);
        CHECK(sim.run(read_file("/data/log")) == text);
        CHECK(sim.trace().size() > 5);
        auto lines = weir::lines("/data/log");
        CHECK(sim.run(weir::next(lines))->view() == "0");
        CHECK(error_of(sim, read_file("/data/none")) == ENOENT);
        CHECK(error_of(sim, read_file("/data")) == EISDIR);
    }

    TEST_CASE("simulation: the source follow follows a growing file and its replacement") {
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
            simulation sim{seed, {.files = {.short_transfer = 0.5}}};
            sim.files().put("/var/log/a", "one\n");
            std::string seen;
            auto following = sim.spawn([](std::string& to) -> weir::task<> {
                auto text = weir::follow("/var/log/a");
                while (const auto piece = co_await weir::next(text)) to += piece->view();
            }(seen));
            sim.advance(1min);
            const auto append = [](std::string what) -> weir::task<> {
                auto f = co_await weir::open("/var/log/a", weir::open_mode::append);
                co_await f.write(what);
            };
            sim.run(append("two\n"));
            sim.files().rename("/var/log/a", "/var/log/a.1");
            sim.run(append("three\n"));
            sim.advance(1min);
            CHECK(seen == "one\ntwo\nthree\n");
        }
    }

    TEST_CASE("simulation: directories consist of the paths of their files") {
        simulation sim{1};
        sim.files().put("/data/a", "");
        sim.files().put("/data/below/b", "12345");
        auto entries = weir::walk("/data");
        std::string all;
        sim.run(std::move(entries) | weir::for_each([&](const weir::walk_entry& e) { all += e.path + ' '; }));
        CHECK(all == "/data/a /data/below /data/below/b ");
    }

    TEST_CASE("simulation: pipes and Unix sockets exist and have no faults") {
        simulation sim{1, {.network = {.reset = 1, .partition = 1}}};
        const auto talk = []() -> weir::task<std::string> {
            auto pipe = co_await weir::open_pipe();
            const weir::unix_address address{"/run/echo"};
            auto listener = co_await weir::unix_listen(address);
            auto client = co_await weir::unix_connect(address);
            auto server = co_await listener.accept();
            co_await pipe.write_end.write("through a pipe");
            std::array<char, 100> buffer;
            const std::size_t n = co_await pipe.read_end.read(buffer);
            co_await client.write(std::string_view(buffer.data(), n));
            const std::size_t m = co_await server.read(buffer);
            co_return std::string{buffer.data(), m};
        };
        CHECK(sim.run(talk()) == "through a pipe");
        CHECK(sim.descriptors() == 0);
    }

    TEST_CASE("simulation: opening a missing file fails with an error that says so") {
        simulation sim{1};
        const auto start = [] { return weir::spawn_process({"ls"}); };
        CHECK(error_of(sim, start()) == ENOSYS);
        auto changes = weir::watch("/tmp");
        CHECK(error_of(sim, weir::next(changes)) == ENOSYS);
    }

    TEST_CASE("simulation: a file is written whole despite short writes") {
        simulation sim{2, {.files = {.short_transfer = 0.9}}};
        sim.run(write_file("/tmp/out", std::string(5000, 'x')));
        CHECK(sim.files().get("/tmp/out") == std::string(5000, 'x'));
        CHECK(sim.descriptors() == 0);
    }

    TEST_CASE("simulation: reads, writes and syncs fail with EIO at the configured rate") {
        simulation sim{1};
        sim.files().put("/a", "content");
        sim.files().options().read_error = 1;
        CHECK(error_of(sim, read_file("/a")) == EIO);
        sim.files().options() = {.write_error = 1};
        CHECK(error_of(sim, write_file("/b", "content")) == EIO);
        sim.files().options() = {.sync_error = 1};
        CHECK(error_of(sim, write_file("/c", "content")) == EIO);
        sim.files().options() = {};
        CHECK(error_of(sim, write_file("/d", "content")) == 0);
    }

    TEST_CASE("simulation: the close of a written file reports EIO, ENOSPC or EDQUOT, and closes it") {
        std::set<int> seen;
        for (std::uint64_t seed = 1; seed <= 50; ++seed) {
            simulation sim{seed, {.files = {.close_error = 1}}};
            auto f = sim.run(weir::open("/a", weir::open_mode::write));
            sim.run(f.write("content"));
            seen.insert(error_of(sim, f.close()));
            CHECK_FALSE(f.is_open());
            auto unwritten = sim.run(weir::open("/a"));
            CHECK(error_of(sim, unwritten.close()) == 0);
            CHECK(sim.descriptors() == 0);
        }
        CHECK(seen == std::set{EIO, ENOSPC, EDQUOT});
    }

    TEST_CASE("simulation: open beneath a directory follows a path that stays below it") {
        simulation sim{1};
        sim.files().put("/srv/a/b", "content");
        sim.files().put("/secret", "secret");
        CHECK(sim.run(sim.run(weir::open(weir::beneath("/srv", "a/../a/./b"))).size()) == 7);
        CHECK(sim.run(sim.run(weir::open(weir::beneath("/srv/a", "c"), weir::open_mode::create)).size()) == 0);
        CHECK(sim.files().exists("/srv/a/c"));
        for (const char* path : {"../secret", "/secret", "a/../../srv/a/b"})
            CHECK(error_of(sim, weir::open(weir::beneath("/srv", path))) == EXDEV);
        CHECK(error_of(sim, weir::open(weir::beneath("/secret", "a"))) == ENOTDIR);
        CHECK(error_of(sim, weir::open(weir::beneath("/srv", "a/d"))) == ENOENT);
    }

    TEST_CASE("simulation: a write to a full disk fails with ENOSPC after the remaining room is used") {
        simulation sim{1, {.files = {.capacity = 100}}};
        CHECK(error_of(sim, write_file("/a", std::string(60, 'a'))) == 0);
        CHECK(error_of(sim, write_file("/b", std::string(60, 'b'))) == ENOSPC);
        CHECK(sim.files().get("/b") == std::string(40, 'b'));
        sim.files().remove("/a");
        CHECK(error_of(sim, write_file("/b", std::string(60, 'b'))) == 0);
    }

    TEST_CASE("simulation: a crash keeps all, none or a part of the writes since the last sync") {
        std::set<char> seen; // what became of the last write
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            simulation sim{seed};
            sim.run(write_file("/log", "synced."));
            auto f = sim.run(weir::open("/log", weir::open_mode::append));
            sim.run(f.write("and not"));
            sim.files().crash();
            const std::string left = sim.files().get("/log");
            REQUIRE(left.starts_with("synced."));
            const std::string rest = left.substr(7);
            REQUIRE(rest.size() <= 7);
            seen.insert(rest.empty() ? 'n' : rest == "and not" ? 'a' : 'p');
            // What was open is not any more; the file can be opened again.
            CHECK(error_of(sim, f.write("more")) == EIO);
            CHECK(sim.run(read_file("/log")) == left);
        }
        CHECK(seen == std::set<char>{'a', 'n', 'p'});
    }

    TEST_CASE("simulation: a file may be missing after a crash unless it was synced") {
        std::set<bool> seen;
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            simulation sim{seed};
            sim.run(write_file("/synced", "content"));
            auto f = sim.run(weir::open("/not", weir::open_mode::write));
            sim.files().crash();
            CHECK(sim.files().get("/synced") == "content");
            seen.insert(sim.files().exists("/not"));
        }
        CHECK(seen.size() == 2);
    }

    TEST_CASE("simulation: a truncated file is empty or as before after a crash") {
        std::set<std::string> seen;
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            simulation sim{seed};
            sim.run(write_file("/log", "old"));
            auto f = sim.run(weir::open("/log", weir::open_mode::write));
            CHECK(sim.files().get("/log") == "");
            sim.files().crash();
            seen.insert(sim.files().get("/log"));
        }
        CHECK(seen == std::set<std::string>{"", "old"});
    }

    TEST_CASE("simulation: data before a failed sync may be lost") {
        bool lost = false;
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            simulation sim{seed};
            sim.run(write_file("/log", ""));
            auto f = sim.run(weir::open("/log", weir::open_mode::append));
            sim.run(f.write("content"));
            sim.files().options().sync_error = 1;
            CHECK(error_of(sim, f.sync()) == EIO);
            sim.files().crash();
            lost = lost || sim.files().get("/log") != "content";
        }
        CHECK(lost);
    }

    TEST_CASE("simulation: nothing opens without a free descriptor, and accept waits for one") {
        simulation sim{1, {.descriptors = 4}};
        sim.files().put("/a", "content");
        auto listener = sim.run(weir::listen(at));
        std::vector<weir::tcp_stream> accepted;
        auto server = sim.spawn([](auto& from, auto& to) -> weir::task<> {
            auto clients = weir::accept(from);
            while (auto client = co_await weir::next(clients)) to.push_back(*std::move(client));
        }(listener, accepted));
        std::vector<weir::tcp_stream> clients;
        clients.push_back(sim.run(weir::tcp_connect(at)));
        sim.advance(1s);
        CHECK(accepted.size() == 1);
        clients.push_back(sim.run(weir::tcp_connect(at))); // waits to be accepted
        CHECK(error_of(sim, weir::open("/a")) == EMFILE);
        CHECK(error_of(sim, weir::tcp_connect(at)) == EMFILE);
        const auto begin = sim.stats().turns;
        sim.advance(1min);
        CHECK(accepted.size() == 1);
        CHECK(sim.stats().turns - begin < 500); // it waits, and does not spin
        clients.erase(clients.begin());
        sim.advance(2s);
        CHECK(accepted.size() == 2);
        CHECK(sim.descriptors() == 4);
    }

    TEST_CASE("simulation: a program with a stop signal, output and offloaded work runs unchanged") {
        const auto history = [] {
            simulation sim{1};
            weir::thread_pool pool{1};
            const auto program = [&pool]() -> weir::task<> {
                auto listener = co_await weir::listen(at);
                auto log = weir::standard_output();
                auto clients = weir::accept(listener) | weir::take_until(weir::signals(SIGINT, SIGTERM));
                while (auto client = co_await weir::next(clients)) {
                    const std::string who = client->remote_endpoint().address();
                    auto work = [who] { return "hello, " + who + "\n"; };
                    const std::string line = co_await weir::offload(pool, std::move(work));
                    co_await log.write(line);
                }
                co_await log.write("goodbye\n");
            };
            auto running = sim.spawn(program());
            auto client = sim.run(weir::tcp_connect(at));
            sim.advance(1s);
            sim.raise(SIGHUP); // nobody waits for it
            sim.advance(1s);
            CHECK_FALSE(running.finished());
            sim.raise(SIGTERM);
            sim.run(std::move(running));
            CHECK(sim.output() == "hello, 10.0.0.1\ngoodbye\n");
            CHECK(sim.run(read_all(client)) == "");
            client.close();
            CHECK(sim.descriptors() == 0);
            return sim.trace().hash();
        };
        CHECK(history() == history());
    }

    TEST_CASE("simulation: each signal is kept once until it is polled") {
        simulation sim{1};
        auto signals = weir::signals(SIGINT, SIGHUP);
        CHECK_THROWS_AS(sim.run(weir::with_timeout(1s, weir::next(signals))), weir::timed_out);
        sim.raise(SIGINT);
        sim.raise(SIGINT);
        sim.raise(SIGHUP);
        CHECK(sim.run(weir::next(signals)) == SIGHUP);
        CHECK(sim.run(weir::next(signals)) == SIGINT);
        CHECK_THROWS_AS(sim.run(weir::with_timeout(1s, weir::next(signals))), weir::timed_out);
        auto wrong = weir::signals(SIGKILL);
        CHECK(error_of(sim, weir::next(wrong)) == EINVAL);
    }

    TEST_CASE("simulation: operations that are dropped in flight leave nothing behind") {
        for (std::uint64_t seed = 1; seed <= 100; ++seed) {
            simulation sim{seed, {.network = {.bandwidth = 1000}}};
            sim.files().put("/a", std::string(1000, 'x'));
            auto server = sim.spawn(echo_server(sim));
            auto client = sim.spawn(say(std::string(1000, 'x')));
            auto reader = sim.spawn(read_file("/a"));
            sim.advance(seed * 20ms);
            { const auto dropped = std::tuple{std::move(server), std::move(client), std::move(reader)}; }
            sim.advance(1h); // the server's conversations end
            CHECK(sim.descriptors() == 0);
            CHECK(sim.stats().io_in_flight == 0);
            CHECK(sim.network().connections() == 0);
        }
    }

    TEST_CASE("simulation: a failed seed is reported with its history and a command to repeat it") {
        const std::string told = told_by(7, nullptr);
        CHECK(told.starts_with("7 ran\nthrown: it broke\nseed 7 failed: it broke\n"));
        CHECK(told.find("0.000000s note it begins\n") != std::string::npos);
        CHECK(told.find("to run it alone:\n  WEIR_SEED=7 ") != std::string::npos);
        CHECK(told_by(11, nullptr) == "10 ran\n");
    }

    TEST_CASE("simulation: WEIR_SEED selects the one seed that runs") {
        CHECK(told_by(7, "7").starts_with("1 ran\nthrown: it broke\n"));
        CHECK(told_by(7, "8") == "1 ran\n");
        CHECK(told_by(7, "x").find("WEIR_SEED is not a number: x") != std::string::npos);
    }

    TEST_CASE("simulation rejects invalid options") {
        CHECK_THROWS_AS((simulation{1, {.network = {.reset = 2}}}), std::invalid_argument);
        CHECK_THROWS_AS((simulation{1, {.files = {.read_error = -1}}}), std::invalid_argument);
        CHECK_THROWS_AS((simulation{1, {.tick = 0ms}}), std::invalid_argument);
    }
}
