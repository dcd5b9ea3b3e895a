// SPDX-License-Identifier: MIT
#include <weir/backend/backend.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_io.hpp"
#include "temporary_file.hpp"

using kind = weir::io_request::kind;
using support::begin;
using support::raw_io;

namespace {

/// The numbers of an open pipe.
struct raw_pipe {
    explicit raw_pipe(weir::executor& on) : ex{on} { REQUIRE(ex.io().open_pipe(read_end, write_end) == 0); }
    raw_pipe(const raw_pipe&) = delete;
    ~raw_pipe() {
        ex.io().close(read_end);
        ex.io().close(write_end);
    }

    raw_io read(void* to, std::size_t size) const {
        return raw_io{{.what = kind::read, .fd = read_end, .data = to, .size = size}};
    }
    raw_io write(std::string& text) const {
        return raw_io{{.what = kind::write, .fd = write_end, .data = text.data(), .size = text.size()}};
    }

    weir::executor& ex;
    int read_end = -1;
    int write_end = -1;
};

} // namespace

TEST_SUITE("executor/backend_io") {
    TEST_CASE("backend: a read completes when data was written") {
        weir::executor ex;
        const raw_pipe p{ex};
        std::array<char, 16> buffer{};
        auto reading = begin(ex, p.read(buffer.data(), buffer.size()));
        CHECK(ex.io().in_flight() == 1);
        std::string text = "hello";
        CHECK(ex.run(p.write(text)) == 5);
        CHECK(ex.run(std::move(reading)) == 5);
        CHECK(std::string{buffer.data(), 5} == "hello");
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("backend: a read and a write of one connection may wait at the same time") {
        weir::executor ex;
        auto pair = support::connect_pair(ex);
        const int fd = pair.client.native_handle();
        std::array<char, 16> buffer{};
        auto reading =
            begin(ex, raw_io{{.what = kind::receive, .fd = fd, .data = buffer.data(), .size = buffer.size()}});
        // More than the kernel takes: it waits for the peer to read.
        std::vector<char> much(32 << 20, 'x');
        auto writing = begin(ex, pair.client.write(much));
        ex.run(pair.server.write("answer"));
        CHECK(ex.run(std::move(reading)) == 6);
        CHECK_FALSE(writing.finished());
        std::vector<char> sink(1 << 20);
        for (std::size_t got = 0; got != much.size();) got += ex.run(pair.server.read(sink));
        ex.run(std::move(writing));
    }

    TEST_CASE("backend: accept does not block on a listener whose connections another process takes") {
        weir::executor ex;
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // in blocking mode
        const weir::endpoint any{"127.0.0.1", 0};
        REQUIRE(::bind(fd, static_cast<const sockaddr*>(any.data()), any.size()) == 0);
        REQUIRE(::listen(fd, 16) == 0);
        weir::endpoint local;
        REQUIRE(ex.io().local_endpoint(fd, local) >= 0);
        const weir::tcp_listener listener{weir::detail::descriptor{fd, ex.io().closer()}, local};

        auto accepting = begin(ex, raw_io{{.what = kind::accept, .fd = fd}});
        for (int i = 0; i != 3; ++i) {
            auto client = ex.run(weir::tcp_connect(local));
            // The other process is faster, and the executor finds nothing.
            pollfd ready{fd, POLLIN, 0};
            if (::poll(&ready, 1, 0) == 1) ::close(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
            ex.turn(ex.now());
            if (accepting.finished()) break;
        }
        if (ex.io().name() == "epoll") CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }

    TEST_CASE("backend: several accepts may wait on one listener") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        auto first = begin(ex, listener.accept());
        auto second = begin(ex, listener.accept());
        auto a = ex.run(weir::tcp_connect(listener.local_endpoint()));
        auto b = ex.run(weir::tcp_connect(listener.local_endpoint()));
        const auto accepted_first = ex.run(std::move(first));
        const auto accepted_second = ex.run(std::move(second));
        CHECK(accepted_first.remote_endpoint() == ex.run(a.local_endpoint()));
        CHECK(accepted_second.remote_endpoint() == ex.run(b.local_endpoint()));
    }

    TEST_CASE("backend: readable reports input without reading it") {
        weir::executor ex;
        const raw_pipe p{ex};
        auto ready = begin(ex, raw_io{{.what = kind::readable, .fd = p.read_end}});
        CHECK_FALSE(ready.finished());
        std::string text = "x";
        ex.run(p.write(text));
        CHECK(ex.run(std::move(ready)) == 0);
        CHECK(ex.run(raw_io{{.what = kind::readable, .fd = p.read_end}}) == 0);
        char c = 0;
        CHECK(ex.run(p.read(&c, 1)) == 1);
    }

    TEST_CASE("backend: more operations than fit into a ring complete") {
        weir::executor ex;
        const raw_pipe p{ex};
        std::vector<weir::join_handle<raw_io>> waiting;
        for (int i = 0; i != 10'000; ++i)
            waiting.push_back(ex.spawn(raw_io{{.what = kind::readable, .fd = p.read_end}}));
        ex.run(weir::sleep_for(std::chrono::nanoseconds{1}));
        while (ex.io().in_flight() != waiting.size()) ex.turn(ex.now());
        std::string text = "x";
        ex.run(p.write(text));
        for (auto& handle : waiting) CHECK(ex.run(std::move(handle)) == 0);
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("backend: more operations than fit into a ring may be dropped") {
        weir::executor ex;
        const raw_pipe p{ex};
        std::deque<weir::join_handle<raw_io>> waiting;
        std::array<char, 8> buffer{};
        for (int i = 0; i != 5'000; ++i) waiting.push_back(ex.spawn(p.read(buffer.data(), buffer.size())));
        while (ex.io().in_flight() != waiting.size()) ex.turn(ex.now());
        while (!waiting.empty()) {
            waiting.pop_front();
            if (!waiting.empty()) waiting.pop_back();
        }
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("backend: an operation that the kernel refuses returns the negated error number") {
        weir::executor ex;
        char c = 0;
        CHECK(ex.run(raw_io{{.what = kind::read, .fd = 1'000'000, .data = &c, .size = 1}}) == -EBADF);
        CHECK(ex.run(raw_io{{.what = kind::receive, .fd = 1'000'000, .data = &c, .size = 1}}) == -EBADF);
        CHECK(ex.run(raw_io{{.what = kind::read, .fd = -1, .data = &c, .size = 1}}) == -EBADF);
        char missing[] = "/no/such/file";
        CHECK(ex.run(raw_io{{.what = kind::open, .data = missing}}) == -ENOENT);
        CHECK(ex.run(raw_io{{.what = kind::sync, .fd = 1'000'000}}) == -EBADF);

        const raw_pipe p{ex};
        CHECK(ex.run(raw_io{{.what = kind::receive, .fd = p.read_end, .data = &c, .size = 1}}) == -ENOTSOCK);
        CHECK(ex.run(raw_io{{.what = kind::accept, .fd = p.read_end}}) == -ENOTSOCK);
    }

    TEST_CASE("backend: a refused connect returns ECONNREFUSED") {
        weir::executor ex;
        weir::endpoint nobody;
        {
            const auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
            nobody = listener.local_endpoint();
        }
        const int fd = ex.io().open_stream_socket(nobody);
        CHECK(ex.run(raw_io{{.what = kind::connect, .fd = fd, .address = &nobody}}) == -ECONNREFUSED);
        ex.io().close(fd);
    }

    TEST_CASE("backend: a descriptor number that is opened again is a new descriptor") {
        weir::executor ex;
        for (int round = 0; round != 5; ++round) {
            auto pair = support::connect_pair(ex);
            std::array<char, 4> buffer{};
            auto reading = begin(ex, pair.server.read(buffer));
            ex.run(pair.client.write("ping"));
            CHECK(ex.run(std::move(reading)) == 4);
            const raw_pipe p{ex};
            auto piped = begin(ex, p.read(buffer.data(), buffer.size()));
            std::string text = "ab";
            ex.run(p.write(text));
            CHECK(ex.run(std::move(piped)) == 2);
        }
    }

    TEST_CASE("backend: a descriptor may be used on another executor, and closed there") {
        weir::executor a;
        weir::executor b;
        for (int round = 0; round != 3; ++round) {
            auto pair = support::connect_pair(a);
            std::array<char, 4> buffer{};
            {
                auto reading = begin(a, pair.server.read(buffer));
                a.run(pair.client.write("ping"));
                CHECK(a.run(std::move(reading)) == 4);
            }
            auto reading = begin(b, pair.server.read(buffer));
            b.run(pair.client.write("pong"));
            CHECK(b.run(std::move(reading)) == 4);
        }
    }

    TEST_CASE("backend: a descriptor may outlive its executor") {
        const support::temporary_file t{"content"};
        std::optional<weir::executor> ex{std::in_place};
        weir::file f = ex->run(weir::open(t.path()));
        ex.reset();
        ex.emplace();
        std::array<char, 16> buffer{};
        CHECK(ex->run(f.read(buffer)) == 7);
        ex.reset();
    }

    TEST_CASE("backend: dropped operations never write to their memory") {
        weir::executor ex;
        const raw_pipe p{ex};
        std::string text = "late";
        for (int turns = 0; turns != 4; ++turns) {
            // The address sanitizer watches the buffer after it is gone.
            auto buffer = std::make_unique<std::array<char, 64>>();
            auto reading = ex.spawn(p.read(buffer->data(), buffer->size()));
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
            { const auto dropped = std::move(reading); }
            buffer.reset();
            ex.run(p.write(text));
            std::array<char, 64> other{};
            CHECK(ex.run(p.read(other.data(), other.size())) == 4);
        }
        CHECK(ex.io().in_flight() == 0);
    }

    TEST_CASE("backend: every kind of operation may be dropped at every moment") {
        const support::temporary_file t{"content"};
        weir::executor ex;
        const raw_pipe p{ex};
        auto pair = support::connect_pair(ex);
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const weir::endpoint address = listener.local_endpoint();
        std::array<char, 64> buffer{};
        std::vector<char> much(8 << 20, 'x');
        const std::size_t before = support::open_descriptors();

        const auto drop_at = [&](int turns, auto operation) {
            auto handle = ex.spawn(std::move(operation));
            for (int i = 0; i != turns; ++i) ex.turn(ex.now());
        };
        for (int turns = 0; turns != 5; ++turns) {
            drop_at(turns, p.read(buffer.data(), buffer.size()));
            drop_at(turns, pair.server.read(buffer));
            drop_at(turns, listener.accept());
            drop_at(turns, weir::tcp_connect(address));
            drop_at(turns, weir::open(t.path()));
            drop_at(turns, raw_io{{.what = kind::readable, .fd = p.read_end}});
            drop_at(turns, pair.client.write(much));
        }
        CHECK(ex.io().in_flight() == 0);
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("backend: a hundred thousand dropped operations leave no descriptor open") {
        const support::temporary_file t{"content"};
        weir::executor ex;
        const raw_pipe p{ex};
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const weir::endpoint address = listener.local_endpoint();
        std::array<char, 64> buffer{};

        const auto drop_some = [&](int count) {
            for (int i = 0; i != count; ++i) {
                auto reading = ex.spawn(p.read(buffer.data(), buffer.size()));
                auto accepting = ex.spawn(listener.accept());
                auto opening = ex.spawn(weir::open(t.path()));
                ex.turn(ex.now());
                if (i % 16 != 0) continue;
                // These produce descriptors on both sides; the one that is not accepted is in the backlog.
                auto connecting = ex.spawn(weir::tcp_connect(address));
                for (int turns = 0; turns != i / 16 % 4; ++turns) ex.turn(ex.now());
            }
        };
        drop_some(100);
        while (true) { // connections that are left in the backlog
            auto accepting = begin(ex, listener.accept());
            ex.turn(ex.now());
            if (!accepting.finished()) break;
        }
        const std::size_t before = support::open_descriptors();
        drop_some(32'000);
        CHECK(support::open_descriptors() == before);
        CHECK(ex.io().in_flight() == 0);
    }
}
