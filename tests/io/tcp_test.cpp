// SPDX-License-Identifier: MIT
#include <weir/io/tcp.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.hpp"
#include "raw_io.hpp"

namespace {

std::vector<char> random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::vector<char> result(size);
    for (char& c : result) c = static_cast<char>(random());
    return result;
}

weir::task<std::vector<char>> read_to_end(weir::tcp_stream& s) {
    std::vector<char> all;
    std::vector<char> buffer(70'001);
    while (const std::size_t n = co_await s.read(buffer))
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    co_return all;
}

weir::task<> write_and_end(weir::tcp_stream& s, const std::vector<char>& what) {
    co_await s.write(what);
    co_await s.shutdown_write();
}

/// Closing sends a reset instead of an end.
void reset(weir::tcp_stream& s) {
    const linger now{1, 0};
    ::setsockopt(s.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    s.close();
}

/// Makes a network of its own for this process, in which clients get one port alone. False where that is not allowed.
bool clients_get_port(const std::string& port) {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const int any = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    loopback.ifr_name[0] = 'l';
    loopback.ifr_name[1] = 'o';
    loopback.ifr_flags = IFF_UP;
    const bool up = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    ::close(any);
    std::ofstream range{"/proc/sys/net/ipv4/ip_local_port_range"};
    range << port << ' ' << port << std::flush;
    return up && range.good();
}

} // namespace

TEST_SUITE("io/tcp") {
    TEST_CASE("tcp: a socket that the kernel connects to itself is refused") {
        CHECK(support::in_child([] {
                  // Where clients get one port alone, the first attempt meets itself. Elsewhere one of many does.
                  const int attempts = clients_get_port("40000") ? 1 : 100'000;
                  weir::executor ex;
                  for (int i = 0; i != attempts; ++i) {
                      try {
                          ex.run(weir::tcp_connect({"127.0.0.1", 40'000}));
                          return std::string{"connected"};
                      } catch (const std::system_error& e) {
                          if (e.code() != std::errc::connection_refused) return std::string{e.what()};
                      }
                  }
                  return std::string{"refused"};
              }) == "refused");
    }

    TEST_CASE("tcp: large amounts of data pass in both directions at once") {
        for (const char* address : {"127.0.0.1", "::1"}) {
            CAPTURE(address);
            weir::executor ex;
            auto pair = support::connect_pair(ex, address);
            const auto to_server = random_bytes(20'000'003, 1);
            const auto to_client = random_bytes(10'000'019, 2);
            auto a = ex.spawn(write_and_end(pair.client, to_server));
            auto b = ex.spawn(write_and_end(pair.server, to_client));
            auto c = ex.spawn(read_to_end(pair.server));
            CHECK((ex.run(read_to_end(pair.client)) == to_client));
            CHECK((ex.run(std::move(c)) == to_server));
            ex.run(std::move(a));
            ex.run(std::move(b));
        }
    }

    TEST_CASE("tcp: each end returns the other end's address") {
        weir::executor ex;
        auto pair = support::connect_pair(ex, "::1");
        CHECK(ex.run(pair.client.local_endpoint()) == pair.server.remote_endpoint());
        CHECK(ex.run(pair.server.local_endpoint()) == pair.client.remote_endpoint());
        CHECK(pair.client.remote_endpoint().address() == "::1");
    }

    TEST_CASE("tcp: a connect to a port without a listener is refused") {
        weir::executor ex;
        for (const char* address : {"127.0.0.1", "::1"}) {
            weir::endpoint nobody;
            {
                const auto listener = ex.run(weir::listen({address, 0}));
                nobody = listener.local_endpoint();
            }
            CHECK(support::system_error_of([&] { return ex.run(weir::tcp_connect(nobody)); }) ==
                  "connect to " + nobody.to_string() + ": Connection refused");
        }
    }

    TEST_CASE("tcp: a second listener on a port is refused") {
        weir::executor ex;
        const auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto taken = listener.local_endpoint();
        CHECK(support::system_error_of([&] { return ex.run(weir::listen(taken)); }) ==
              "listen on " + taken.to_string() + ": Address already in use");
    }

    TEST_CASE("tcp: data that was sent before the end is read before the end") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        std::array<char, 8> buffer{};
        ex.run(pair.client.write("last"));
        pair.client.close();
        CHECK(ex.run(pair.server.read(buffer)) == 4);
        CHECK(ex.run(pair.server.read(buffer)) == 0);
    }

    TEST_CASE("tcp: an end that arrives together with the last bytes is seen") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        std::array<char, 64> buffer{};
        // First a read that waits, so that the descriptor is known to the loop.
        auto reading = support::begin(ex, pair.server.read(buffer));
        ex.run(pair.client.write("first"));
        CHECK(ex.run(std::move(reading)) == 5);
        auto again = support::begin(ex, pair.server.read(buffer));
        ex.run(pair.client.write("last"));
        pair.client.close();
        CHECK(ex.run(std::move(again)) == 4);
        CHECK(ex.run(pair.server.read(buffer)) == 0);
    }

    TEST_CASE("tcp: data behind urgent data is read") {
        for (const std::size_t size : {std::size_t{64}, std::size_t{64} * 1024}) {
            weir::executor ex;
            auto pair = support::connect_pair(ex);
            std::vector<char> buffer(size);
            const auto read = [&](auto reading) {
                const auto n = static_cast<std::size_t>(ex.run(std::move(reading)));
                return std::string(buffer.data(), n);
            };
            auto reading = support::begin(ex, pair.server.read(buffer));
            ex.run(pair.client.write("first"));
            CHECK(read(std::move(reading)) == "first");
            for (int i = 0; i != 3; ++i) {
                CAPTURE(i);
                reading = support::begin(ex, pair.server.read(buffer));
                const int to = pair.client.native_handle();
                REQUIRE(::send(to, "before", 6, MSG_NOSIGNAL) == 6);
                REQUIRE(::send(to, "!", 1, MSG_NOSIGNAL | MSG_OOB) == 1);
                REQUIRE(::send(to, "behind", 6, MSG_NOSIGNAL) == 6);
                std::string all = read(std::move(reading));
                while (all.size() < 12) all += read(pair.server.read(buffer));
                CHECK(all == "beforebehind");
            }
        }
    }

    TEST_CASE("tcp: a reset throws an error that names the peer") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        std::array<char, 8> buffer{};
        auto reading = support::begin(ex, pair.server.read(buffer));
        reset(pair.client);
        const std::string peer = pair.server.remote_endpoint().to_string();
        CHECK(support::system_error_of([&] { return ex.run(std::move(reading)); }) ==
              "read " + peer + ": Connection reset by peer");
        CHECK(support::system_error_of([&] {
                  ex.run(pair.server.write("x"));
                  return 0;
              }) == "write " + peer + ": Broken pipe");
    }

    TEST_CASE("tcp: a peer whose data is not read has to stop writing") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        std::uint64_t accepted = 0;
        const auto flood = [&]() -> weir::task<> {
            const std::vector<char> block(64 * 1024, 'x');
            for (;;) {
                co_await pair.client.write(block);
                accepted += block.size();
            }
        };
        auto flooding = ex.spawn(flood());
        std::uint64_t before = 0;
        do {
            before = accepted;
            for (int i = 0; i != 2'000; ++i) ex.turn(ex.now());
        } while (accepted != before);
        // What the kernel buffers for both ends, and not more.
        CHECK(accepted < (64u << 20));
        CHECK(ex.io().in_flight() == 1);

        std::vector<char> sink(1 << 20);
        const auto drain = [&]() -> weir::task<> {
            for (std::uint64_t got = 0; got < before;) got += co_await pair.server.read(sink);
        };
        ex.run(drain());
        for (int i = 0; i != 100; ++i) ex.turn(ex.now());
        CHECK(accepted > before);
    }

    TEST_CASE("tcp: a server echoes to many clients") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const auto serve = [](weir::tcp_stream s) -> weir::task<> { co_await (weir::read(s) | weir::write(s)); };
        const auto server = [&]() -> weir::task<> {
            for (;;) {
                auto& ex_here = *co_await weir::this_executor();
                ex_here.spawn(serve(co_await listener.accept())).detach();
            }
        };
        auto serving = ex.spawn(server());
        int done = 0;
        const auto client = [&](std::size_t size) -> weir::task<> {
            auto s = co_await weir::tcp_connect(listener.local_endpoint());
            const auto data = random_bytes(size, size);
            auto writing = (*co_await weir::this_executor()).spawn(write_and_end(s, data));
            const auto answer = co_await read_to_end(s);
            co_await std::move(writing);
            if (answer == data) ++done;
        };
        std::vector<weir::join_handle<weir::task<>>> clients;
        for (std::size_t i = 0; i != 50; ++i) clients.push_back(ex.spawn(client(i * i * 100)));
        for (auto& c : clients) ex.run(std::move(c));
        CHECK(done == 50);
    }
}
