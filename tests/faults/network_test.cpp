// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/operators/map.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/read.hpp>

#include "no_more_descriptors.hpp"
#include "raw_io.hpp"
#include "sanitized.hpp"

using namespace std::chrono_literals;
using support::begin;
using support::connect_pair;

namespace {

/// 64 KB that know how many of their kind there are.
class counted_block {
public:
    static constexpr std::size_t size = 64 * 1024;

    explicit counted_block(int number) : text_(size, static_cast<char>('a' + number % 26)) { count(1); }
    counted_block(counted_block&& other) noexcept : text_{std::move(other.text_)} { count(1); }
    ~counted_block() { --alive; }

    const char* begin() const noexcept { return text_.data(); }
    const char* end() const noexcept { return text_.data() + text_.size(); }

    static inline int alive = 0;
    static inline int most_alive = 0;

private:
    static void count(int more) noexcept {
        alive += more;
        most_alive = std::max(alive, most_alive);
    }

    std::string text_;
};

long most_memory_kb() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/// Turns until nothing happens any more.
void come_to_rest(weir::executor& ex) {
    for (int quiet = 0; quiet != 10;) {
        const auto before = ex.stats().wakers_run;
        ex.turn(ex.now());
        quiet = ex.stats().wakers_run == before ? quiet + 1 : 0;
    }
}

void reset_at_close(const weir::tcp_stream& stream) {
    const linger now{1, 0};
    REQUIRE(::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
}

/// A server in a process of its own, which takes one connection and writes to it for ever.
class endless_server {
public:
    endless_server() {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(listener, 1) == 0);
        REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        process_ = ::fork();
        REQUIRE(process_ >= 0);
        if (process_ == 0) {
            const int client = ::accept(listener, nullptr, nullptr);
            const std::array<char, 4096> text{};
            while (::send(client, text.data(), text.size(), MSG_NOSIGNAL) > 0) {}
            ::_exit(0);
        }
        ::close(listener);
    }
    endless_server(const endless_server&) = delete;
    endless_server& operator=(const endless_server&) = delete;
    ~endless_server() { kill(); }

    weir::endpoint address() const { return {"127.0.0.1", port_}; }
    void kill() {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = -1;
    }

private:
    pid_t process_ = -1;
    std::uint16_t port_ = 0;
};

} // namespace

TEST_SUITE("faults/network") {
    TEST_CASE("a slow reader of 10 000 blocks of 64 KB slows their source and holds no memory") {
        constexpr int blocks = 10'000;
        weir::executor ex;
        auto pair = connect_pair(ex);
        counted_block::most_alive = 0;
        int made = 0;
        const auto make = [&](int number) {
            ++made;
            return counted_block{number};
        };
        [[maybe_unused]] const long before = most_memory_kb();
        auto writing = begin(ex, weir::iota(0, blocks) | weir::map(make) | weir::write(pair.server));
        come_to_rest(ex);
        CHECK_FALSE(writing.finished());
        // What the kernel's buffers hold.
        CHECK(made < 200);
        CHECK(counted_block::alive <= 3);

        std::vector<char> part(256 * 1024);
        std::uint64_t received = 0;
        bool in_order = true;
        while (const std::size_t n = ex.run(pair.client.read(part))) {
            const auto block = received / counted_block::size;
            in_order = in_order && part[0] == static_cast<char>('a' + block % 26);
            received += n;
            // Never further ahead than at first.
            CHECK_MESSAGE(made <= static_cast<int>(block) + 200, received);
            if (writing.finished() && pair.server.is_open()) pair.server.close();
        }
        CHECK(in_order);
        CHECK(received == std::uint64_t{blocks} * counted_block::size);
        CHECK(ex.run(std::move(writing)) == received);
        CHECK(counted_block::most_alive <= 4);
        CHECK(counted_block::alive == 0);
        if (!support::sanitized) CHECK(most_memory_kb() - before < 8 * 1024);
    }

    TEST_CASE("network faults: a reset during a large write fails the write with an error that names the peer") {
        weir::executor ex;
        auto pair = connect_pair(ex);
        const std::string name = pair.client.name();
        const std::vector<char> much(32 << 20, 'x');
        auto writing = begin(ex, pair.client.write(much));
        CHECK_FALSE(writing.finished());
        reset_at_close(pair.server);
        pair.server.close();
        CHECK(support::system_error_of([&] {
                  ex.run(std::move(writing));
                  return 0;
              }) == "write " + name + ": Connection reset by peer");
        CHECK(support::system_error_of([&] {
                  ex.run(pair.client.write("more"));
                  return 0;
              }) == "write " + name + ": Broken pipe");
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("network faults: a reset during a read fails the read with an error that names the peer") {
        weir::executor ex;
        auto pair = connect_pair(ex);
        auto reading = begin(ex, weir::read(pair.client) | weir::drain());
        reset_at_close(pair.server);
        pair.server.close();
        CHECK(support::system_error_of([&] { return ex.run(std::move(reading)); }) ==
              "read " + pair.client.name() + ": Connection reset by peer");
    }

    TEST_CASE("network faults: connecting to a port without a listener fails with an error that names the address") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        const auto nowhere = ex.run(weir::listen({"127.0.0.1", 0})).local_endpoint();
        for (int i = 0; i != 100; ++i) {
            CHECK(support::system_error_of([&] { return ex.run(weir::tcp_connect(nowhere)); }) ==
                  "connect to " + nowhere.to_string() + ": Connection refused");
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("network faults: a connect without an answer ends with its time limit and leaves nothing behind") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}, {.backlog = 0}));
        std::vector<weir::tcp_stream> filling;
        const std::size_t before = support::open_descriptors();
        bool timed_out = false;
        while (!timed_out && filling.size() < 16) {
            try {
                filling.push_back(ex.run(weir::with_timeout(20ms, weir::tcp_connect(listener.local_endpoint()))));
            } catch (const weir::timed_out&) {
                timed_out = true;
            }
        }
        CHECK(timed_out);
        CHECK(ex.io().in_flight() == 0);
        CHECK(support::open_descriptors() == before + filling.size());
    }

    TEST_CASE(
        "network faults: a server that is killed while it sends is the end, or a reset if it had not read everything") {
        weir::executor ex;
        for (const bool unread : {false, true}) {
            CAPTURE(unread);
            endless_server server;
            auto client = ex.run(weir::tcp_connect(server.address()));
            const std::string name = client.name();
            std::array<char, 4096> part{};
            for (int i = 0; i != 100; ++i) REQUIRE(ex.run(client.read(part)) > 0);
            if (unread) ex.run(client.write("it never reads this"));
            server.kill();
            const std::string error =
                support::system_error_of([&] { return ex.run(weir::read(client) | weir::drain()); });
            if (unread) {
                CHECK(error == "read " + name + ": Connection reset by peer");
            } else {
                CHECK(error == "");
            }
        }
    }

    TEST_CASE("network faults: accept without free descriptors waits without spinning") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        std::vector<weir::tcp_stream> clients;
        for (int i = 0; i != 20; ++i) clients.push_back(ex.run(weir::tcp_connect(listener.local_endpoint())));
        auto stream = weir::accept(listener);
        const auto error_of_open = [&] {
            return support::system_error_of([&] { return ex.run(weir::open("/dev/null")); });
        };
        const auto error_of_connect = [&] {
            return support::system_error_of([&] { return ex.run(weir::tcp_connect(listener.local_endpoint())); });
        };
        // Each once before: to look at types that it sees for the first time UBSan takes descriptors.
        auto first = begin(ex, weir::next(stream));
        CHECK(ex.run(std::move(first)).has_value());
        CHECK(error_of_open() == "");
        CHECK(error_of_connect() == "");

        std::optional<support::no_more_descriptors> none{std::in_place};
        auto second = begin(ex, weir::next(stream));
        const auto before = ex.stats();
        ex.run(weir::sleep_for(200ms));
        CHECK_FALSE(second.finished());
        // 5, 10, 20, 40, 80 ms
        CHECK(ex.stats().turns - before.turns <= 30);
        CHECK(ex.stats().wakers_run - before.wakers_run <= 20);
        // Other operations fail at once.
        CHECK(error_of_open() == "open /dev/null: Too many open files");
        CHECK(error_of_connect() == "connect to " + listener.local_endpoint().to_string() + ": Too many open files");
        none.reset();
        CHECK(ex.run(std::move(second)).has_value());
        for (int i = 2; i != 20; ++i) CHECK(ex.run(weir::next(stream)).has_value());
    }

    TEST_CASE("network faults: a peer that closes while a read is pending ends it") {
        weir::executor ex;
        auto pair = connect_pair(ex);
        std::array<char, 16> buffer{};
        auto reading = begin(ex, pair.client.read(buffer));
        pair.server.close();
        CHECK(ex.run(std::move(reading)) == 0);
    }

    TEST_CASE("network faults: ending one's own side while a read is pending leaves the read alone") {
        weir::executor ex;
        auto pair = connect_pair(ex);
        std::array<char, 16> buffer{};
        auto reading = begin(ex, pair.client.read(buffer));
        ex.run(pair.client.shutdown_write());
        CHECK_FALSE(reading.finished());
        ex.run(pair.server.write("late"));
        CHECK(ex.run(std::move(reading)) == 4);
    }

    TEST_CASE("network faults: a pending read of a closed connection never gets other bytes and may be dropped") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        {
            auto pair = connect_pair(ex);
            const int number = pair.client.native_handle();
            std::array<char, 16> buffer{};
            std::optional reading{begin(ex, pair.client.read(buffer))};
            pair.client.close();
            // The next connection has the same number.
            auto other = connect_pair(ex);
            CHECK((other.client.native_handle() == number || other.server.native_handle() == number));
            std::array<char, 16> theirs{};
            auto of_client = begin(ex, other.client.read(theirs));
            ex.run(other.server.write("theirs"));
            CHECK(ex.run(std::move(of_client)) == 6);
            ex.run(other.client.write("theirs"));
            CHECK(ex.run(other.server.read(theirs)) == 6);
            CHECK(std::string_view{buffer.data(), buffer.size()}.find('t') == std::string_view::npos);
            reading.reset();
            CHECK(ex.io().in_flight() == 0);
        }
        CHECK(support::open_descriptors() == before);
    }
}
