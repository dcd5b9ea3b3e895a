// SPDX-License-Identifier: MIT
#include "kernel/uring_backend.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/core/detail/frame_pool.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/write.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include "allocations.hpp"
#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

using weir::kernel::make_uring_backend;
using weir::kernel::uring_limits;

/// Rings that are full all the time.
constexpr uring_limits tiny{.submissions = 2, .completions = 4, .blocks = 2};

struct connections {
    std::vector<weir::tcp_stream> clients;
    std::vector<weir::tcp_stream> servers;
};

connections connect(weir::executor& ex, std::size_t n) {
    connections all;
    for (std::size_t i = 0; i != n; ++i) {
        support::connection c = support::connect_pair(ex);
        all.clients.push_back(std::move(c.client));
        all.servers.push_back(std::move(c.server));
    }
    return all;
}

std::string message(std::size_t client, int round, std::size_t size) {
    std::string text = std::to_string(client) + ' ' + std::to_string(round) + ' ';
    while (text.size() < size) text += static_cast<char>('a' + (text.size() * 7 + client) % 26);
    text.resize(size);
    return text;
}

/// Sends messages, each when the last has come back. How many came back as they went.
weir::task<int> talk(weir::tcp_stream& to, std::size_t number, int rounds, std::size_t size) {
    int good = 0;
    auto answers = weir::read(to);
    for (int round = 0; round != rounds; ++round) {
        const std::string sent = message(number, round, size);
        co_await to.write(sent);
        std::string got;
        while (got.size() < size) {
            const auto piece = co_await weir::next(answers);
            if (!piece) co_return good;
            got += *piece;
        }
        good += got == sent ? 1 : 0;
    }
    co_await to.shutdown_write();
    co_return good;
}

weir::task<int> echo(weir::tcp_stream& client) {
    co_await (weir::read(client) | weir::write(client));
    co_await client.shutdown_write();
    co_return 0;
}

int echoed(weir::executor& ex, std::size_t clients, int rounds, std::size_t size) {
    connections all = connect(ex, clients);
    std::vector<weir::task<int>> both;
    for (std::size_t i = 0; i != clients; ++i) {
        both.push_back(talk(all.clients[i], i, rounds, size));
        both.push_back(echo(all.servers[i]));
    }
    int good = 0;
    for (const int n : ex.run(weir::when_all(std::move(both)))) good += n;
    return good;
}

/// What a program calls the kernel for between two calls of getppid, by number.
std::vector<std::size_t> system_calls_of(void (*program)()) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
        ::raise(SIGSTOP);
        program();
        ::_exit(0);
    }
    std::vector<std::size_t> calls(1024);
    bool counting = false;
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSTOPPED(status));
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (long signal = 0;;) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status)) break;
        signal = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(status);
            continue;
        }
        __ptrace_syscall_info info{};
        REQUIRE(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
        if (info.entry.nr == SYS_getppid) {
            counting = !counting;
        } else if (counting && info.entry.nr < calls.size()) {
            ++calls[info.entry.nr];
        }
    }
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    return calls;
}

void start_receiving(weir::io_operation& operation, weir::executor& ex, const weir::tcp_stream& from, weir::bytes& to) {
    operation.start(ex, {.what = weir::io_request::kind::receive_bytes,
                         .fd = from.native_handle(),
                         .data = &to,
                         .size = weir::small_receive});
}

} // namespace

TEST_SUITE("kernel/uring_backend") {
    TEST_CASE("uring backend: nothing is lost while every ring is full") {
        weir::executor ex{make_uring_backend(tiny)};
        CHECK(echoed(ex, 40, 25, 64) == 1000);
        CHECK(echoed(ex, 10, 10, 100'000) == 100);
    }

    TEST_CASE("uring backend: nothing is lost over a kernel without provided buffers") {
        weir::executor ex{make_uring_backend({.blocks = 0})};
        CHECK(echoed(ex, 40, 25, 64) == 1000);
        CHECK(echoed(ex, 10, 10, 100'000) == 100);
    }

    TEST_CASE("uring backend: more connections may have data at once than blocks are lent") {
        weir::executor ex{make_uring_backend({.blocks = 1})};
        connections all = connect(ex, 20);
        for (auto& client : all.clients) ex.run(client.write("something"));
        std::vector<weir::read_stream<weir::detail::borrowed_device<weir::tcp_stream>>> streams;
        streams.reserve(20);
        for (auto& server : all.servers) streams.push_back(weir::read(server));
        const auto count = [&]() -> weir::task<int> {
            int n = 0;
            for (auto& s : streams) n += static_cast<int>((co_await weir::next(s))->size());
            co_return n;
        };
        CHECK(ex.run(count()) == 20 * 9);
    }

    TEST_CASE(
        "uring backend: a notification arrives after a full completion queue has ended the poll for notifications") {
        weir::executor ex{make_uring_backend(tiny)};
        auto [client, server] = support::connect_pair(ex);
        ex.run(client.write("01234567"));
        ex.io().wait(ex.now()); // from here on it is watched
        std::array<char, 8> to{};
        std::array<weir::io_operation, 8> reads;
        for (std::size_t i = 0; i != reads.size(); ++i) {
            reads[i].start(
                ex, {.what = weir::io_request::kind::receive, .fd = server.native_handle(), .data = &to[i], .size = 1});
        }
        // All but the last are answered, and leave no room for this.
        ex.io().notify();
        for (auto& read : reads) {
            while (read.in_flight()) ex.io().wait(weir::time_point::max());
        }
        CHECK(std::string_view{to.data(), to.size()} == "01234567");

        for (int i = 0; i != 3; ++i) {
            std::thread other{[&] { ex.io().notify(); }};
            const weir::time_point until = ex.io().now() + 20s;
            ex.io().wait(until);
            CHECK(ex.io().now() < until);
            other.join();
        }
    }

    TEST_CASE("uring backend: an unread connection slows its peer") {
        weir::executor ex{make_uring_backend({})};
        auto [client, server] = support::connect_pair(ex);
        auto stream = weir::read(server);
        ex.run(client.write("first"));
        CHECK(ex.run(weir::next(stream)) == weir::bytes{"first"});
        const std::string much(64 << 20, 'x');
        bool written = false;
        const auto write = [&]() -> weir::task<void> {
            co_await client.write(much);
            written = true;
        };
        auto writing = ex.spawn(write());
        for (int i = 0; i != 100; ++i) ex.turn(ex.now());
        CHECK(!written);
        std::size_t size = 0;
        const auto rest = [&]() -> weir::task<void> {
            while (size != much.size()) size += (co_await weir::next(stream))->size();
        };
        ex.run(rest());
        ex.run(std::move(writing));
    }

    TEST_CASE("uring backend: a dropped read loses nothing and holds no block") {
        weir::executor ex{make_uring_backend({.blocks = 1})};
        auto [client, server] = support::connect_pair(ex);
        for (int i = 0; i != 100; ++i) {
            auto stream = weir::read(server);
            static_cast<void>(support::begin(ex, weir::next(stream)));
        }
        ex.run(client.write("kept"));
        auto stream = weir::read(server);
        CHECK(ex.run(weir::next(stream)) == weir::bytes{"kept"});
    }

    TEST_CASE(
        "uring backend: a read that is dropped when it was answered lends its block to the next, and loses nothing") {
        for (const unsigned blocks : {0U, 1U}) {
            CAPTURE(blocks);
            weir::executor ex{make_uring_backend({.blocks = blocks})};
            auto [client, server] = support::connect_pair(ex);
            std::string sent;
            for (int i = 0; i != 100; ++i) {
                weir::bytes to;
                weir::io_operation dropped;
                start_receiving(dropped, ex, server, to);
                const std::string piece = std::to_string(i) + ' ';
                REQUIRE(::write(client.native_handle(), piece.data(), piece.size()) > 0);
                sent += piece;
                if (i % 2 == 0) continue;
                while (dropped.in_flight()) ex.io().wait(weir::time_point::max());
            }
            std::string got;
            auto stream = weir::read(server);
            while (got.size() < sent.size()) got += *ex.run(weir::next(stream));
            CHECK(got == sent);
        }
    }

    TEST_CASE("uring backend: input that is readable when a waiting read is dropped is kept") {
        for (const unsigned older : {0U, 1U, 2U}) {
            CAPTURE(older);
            // Where no blocks are lent, the ring tells when it is worth trying.
            weir::executor ex{make_uring_backend({.blocks = 0, .older = older})};
            auto [client, server] = support::connect_pair(ex);
            {
                weir::bytes to;
                weir::io_operation dropped;
                start_receiving(dropped, ex, server, to);
                ex.io().wait(ex.io().now());
                REQUIRE(dropped.in_flight());
                REQUIRE(::write(client.native_handle(), "kept", 4) == 4);
            }
            auto stream = weir::read(server);
            CHECK(ex.run(weir::next(stream)) == weir::bytes{"kept"});
        }
    }

    TEST_CASE("uring backend: nothing is lost on the rings of older kernels") {
        for (const unsigned older : {1U, 2U}) {
            weir::executor ex{make_uring_backend({.older = older})};
            CHECK(echoed(ex, 40, 25, 64) == 1000);
        }
    }

    TEST_CASE("uring backend: bytes outlive the executor that they were received on") {
        weir::bytes kept;
        {
            weir::executor ex{make_uring_backend({})};
            auto [client, server] = support::connect_pair(ex);
            ex.run(client.write("kept"));
            auto stream = weir::read(server);
            kept = *ex.run(weir::next(stream));
        }
        CHECK(kept == "kept");
    }

    TEST_CASE("uring backend: receiving allocates nothing in a steady state") {
        if (!WEIR_POOL_FRAMES) return;
        weir::executor ex{make_uring_backend({})};
        CHECK(support::allocations_for_more_items([&](int items) {
                  auto [client, server] = support::connect_pair(ex);
                  const auto send = [&](weir::tcp_stream& to) -> weir::task<void> {
                      for (int i = 0; i != items; ++i) co_await to.write("0123456789");
                      co_await to.shutdown_write();
                  };
                  auto sending = ex.spawn(send(client));
                  std::size_t size = 0;
                  ex.run(weir::read(server) | weir::for_each([&](const weir::bytes& b) { size += b.size(); }));
                  CHECK(size == static_cast<std::size_t>(items) * 10);
              }) == 0);
    }

    TEST_CASE("uring backend: a turn makes one system call") {
        const auto calls = system_calls_of([] {
            weir::executor ex{make_uring_backend({})};
            connections all = connect(ex, 32);
            const auto rounds = [&](int n) -> weir::task<void> {
                std::vector<weir::task<int>> both;
                for (std::size_t i = 0; i != 32; ++i) both.push_back(talk(all.clients[i], i, n, 64));
                co_await weir::when_all(std::move(both));
            };
            std::vector<decltype(ex.spawn(echo(all.servers[0])))> servers;
            for (auto& s : all.servers) servers.push_back(ex.spawn(echo(s)));
            ::syscall(SYS_getppid);
            ex.run(rounds(100));
            ::syscall(SYS_getppid);
        });
        std::size_t others = 0;
        for (std::size_t n = 0; n != calls.size(); ++n) {
            if (n != SYS_io_uring_enter) others += calls[n];
        }
        // 3200 round trips of four requests; those of a turn are handed over together.
        CHECK(calls[SYS_io_uring_enter] > 100);
        CHECK(calls[SYS_io_uring_enter] < 800);
        if (WEIR_POOL_FRAMES) CHECK(others < 100); // the ends, and memory at the beginning
    }
}
