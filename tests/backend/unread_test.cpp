// SPDX-License-Identifier: MIT
// What a read had taken when it was dropped is what the next one gets.

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>
#include <weir/io/unix.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/read.hpp>
#include <weir/task.hpp>

#include "kernel/descriptors.hpp"
#include "raw_io.hpp"
#include "temporary_directory.hpp"

using namespace std::chrono_literals;
using kind = weir::io_request::kind;

namespace {

void feed(int fd, std::string_view data) {
    REQUIRE(::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size()));
}

/// What becomes of a read before it is dropped.
enum class dropped {
    answered,      // its completion was taken in
    in_the_kernel, // the kernel has all that it needs to answer
};

/// One read of each kind, with room for its answer.
class one_read {
public:
    one_read(kind what, int fd, std::size_t size) : size_{size}, buffer_(size, '\0') {
        request_ = {.what = what, .fd = fd, .data = buffer_.data(), .size = size};
        if (what == kind::receive_bytes) request_.data = &bytes_;
        if (what == kind::receive_message) {
            message_.data = buffer_.data();
            message_.size = size;
            request_.data = &message_;
        }
    }
    one_read(const one_read&) = delete;
    one_read& operator=(const one_read&) = delete;

    weir::io_message& message() noexcept { return message_; }
    weir::io_operation& operation() noexcept { return operation_; }
    bool in_flight() const noexcept { return operation_.in_flight(); }

    void start(weir::executor& ex) { operation_.start(ex, request_); }
    void wait(weir::executor& ex) {
        while (operation_.in_flight()) ex.io().wait(weir::time_point::max());
    }
    /// The answer, of a read that is answered.
    int result(weir::executor& ex) {
        int r = 0;
        ex.run(taker{operation_, r});
        return r;
    }
    std::string text(int result) const {
        if (result < 0) return "error " + std::to_string(-result);
        const auto n = std::min(static_cast<std::size_t>(result), size_);
        return request_.what == kind::receive_bytes ? bytes_.to_string() : buffer_.substr(0, n);
    }
    std::string get(weir::executor& ex) {
        start(ex);
        wait(ex);
        return text(result(ex));
    }

private:
    struct taker {
        using result_type = weir::unit;
        weir::io_operation& operation;
        int& to;
        weir::poll<weir::unit> poll_result(weir::context& cx) {
            const auto r = operation.poll_result(cx);
            if (r.is_pending()) return weir::pending;
            to = *r;
            return weir::unit{};
        }
    };

    std::size_t size_;
    std::string buffer_;
    weir::bytes bytes_;
    weir::io_message message_{};
    weir::io_request request_{};
    weir::io_operation operation_; // last
};

std::string get(weir::executor& ex, kind what, int fd, std::size_t size) { return one_read{what, fd, size}.get(ex); }

/// What is there is taken by a read that nobody sees the answer of.
void drop_one(weir::executor& ex, kind what, int fd, std::size_t size) {
    one_read r{what, fd, size};
    r.start(ex);
    r.wait(ex);
}

void send_now(const weir::udp_socket& from, const weir::udp_socket& to, std::string_view text) {
    const weir::endpoint& there = to.local_endpoint();
    REQUIRE(::sendto(from.native_handle(), text.data(), text.size(), 0, static_cast<const sockaddr*>(there.data()),
                     there.size()) == static_cast<ssize_t>(text.size()));
}

struct ends {
    weir::detail::descriptor to;
    weir::detail::descriptor from;
};

ends socket_pair(weir::executor& ex, int type = SOCK_STREAM) {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, both) == 0);
    return {{both[0], ex.io().closer()}, {both[1], ex.io().closer()}};
}

ends pipe_ends(weir::executor& ex) {
    int in = -1;
    int out = -1;
    REQUIRE(ex.io().open_pipe(in, out) >= 0);
    return {{out, ex.io().closer()}, {in, ex.io().closer()}};
}

/// A terminal: what is fed to one end is typed at the other.
ends terminal(weir::executor& ex) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0);
    REQUIRE(::grantpt(master) == 0);
    REQUIRE(::unlockpt(master) == 0);
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave >= 0);
    return {{master, ex.io().closer()}, {slave, ex.io().closer()}};
}

struct source {
    const char* name;
    kind what;
    std::function<ends(weir::executor&)> open;
};

const source sources[] = {
    {"a socket, into a buffer", kind::receive, [](weir::executor& ex) { return socket_pair(ex); }},
    {"a socket, as bytes", kind::receive_bytes, [](weir::executor& ex) { return socket_pair(ex); }},
    {"a socket, as a message", kind::receive_message, [](weir::executor& ex) { return socket_pair(ex); }},
    {"a socket, as a file", kind::read, [](weir::executor& ex) { return socket_pair(ex); }},
    {"a pipe", kind::read, pipe_ends},
    {"a terminal", kind::read, terminal},
};

/// A message of a stream says that it has descriptors, even if it has none: else its length is that of a datagram.
std::string get_all(weir::executor& ex, const source& s, int fd, std::size_t most, std::size_t size) {
    std::string all;
    weir::passed_descriptors none;
    while (all.size() < size) {
        one_read r{s.what, fd, most};
        if (s.what == kind::receive_message) r.message().descriptors = &none;
        all += r.get(ex);
    }
    return all;
}

} // namespace

TEST_SUITE("io/unread") {
    TEST_CASE("dropped read: the next read returns the data that a dropped read had taken") {
        for (const source& s : sources) {
            for (const dropped how : {dropped::answered, dropped::in_the_kernel}) {
                CAPTURE(s.name);
                CAPTURE(how == dropped::answered);
                weir::executor ex;
                const auto [to, from] = s.open(ex);
                weir::passed_descriptors none;
                none.count = 0;
                {
                    one_read r{s.what, from.get(), 64};
                    if (s.what == kind::receive_message) r.message().descriptors = &none;
                    r.start(ex);
                    ex.io().wait(ex.now());
                    REQUIRE(r.in_flight());
                    feed(to.get(), "one\n");
                    if (how == dropped::answered) r.wait(ex);
                }
                CHECK(ex.io().in_flight() == 0);
                feed(to.get(), "two\n");
                CHECK(get_all(ex, s, from.get(), 64, 8) == "one\ntwo\n");
            }
        }
    }

    TEST_CASE("dropped read: several small reads return the data that one dropped read had taken") {
        for (const source& s : sources) {
            CAPTURE(s.name);
            weir::executor ex;
            const auto [to, from] = s.open(ex);
            weir::passed_descriptors none;
            none.count = 0;
            feed(to.get(), "0123456789\n");
            // Each but the first takes what is left over from another.
            for (const std::size_t size : {64U, 7U, 3U, 11U}) {
                one_read r{s.what, from.get(), size};
                if (s.what == kind::receive_message) r.message().descriptors = &none;
                r.start(ex);
                r.wait(ex);
            }
            feed(to.get(), "abc\n");
            CHECK(get_all(ex, s, from.get(), 2, 15) == "0123456789\nabc\n");
        }
    }

    TEST_CASE("dropped read: the next read of a file starts where the dropped read started") {
        weir::executor ex;
        const support::temporary_directory directory;
        const std::string path = directory / "file";
        auto f = ex.run(weir::open(path, weir::open_mode::create));
        ex.run(f.write_at(0, "0123456789"));
        const int fd = f.native_handle();
        CHECK(get(ex, kind::read, fd, 3) == "012");
        drop_one(ex, kind::read, fd, 4);
        CHECK(get(ex, kind::read, fd, 2) == "34");
        // At the end nothing was taken.
        CHECK(get(ex, kind::read, fd, 64) == "56789");
        drop_one(ex, kind::read, fd, 4);
        CHECK(get(ex, kind::read, fd, 64) == "");
        CHECK(::lseek(fd, 0, SEEK_CUR) == 10);
        // A write goes where it would have gone.
        CHECK(::lseek(fd, 4, SEEK_SET) == 4);
        drop_one(ex, kind::read, fd, 4);
        ex.run(f.write("AB"));
        CHECK(get(ex, kind::read, fd, 64) == "6789");
    }

    TEST_CASE("dropped read: a read at an offset of a file consumes nothing") {
        weir::executor ex;
        const support::temporary_directory directory;
        auto f = ex.run(weir::open(directory / "file", weir::open_mode::create));
        ex.run(f.write_at(0, "0123456789"));
        CHECK(get(ex, kind::read, f.native_handle(), 5) == "01234");
        std::array<char, 4> buffer{};
        {
            weir::io_operation o;
            o.start(ex, {.what = kind::read, .fd = f.native_handle(), .data = buffer.data(), .size = 4, .offset = 2});
            while (o.in_flight()) ex.io().wait(weir::time_point::max());
        }
        CHECK(get(ex, kind::read, f.native_handle(), 64) == "56789");
    }

    TEST_CASE("dropped read: data that was put back makes the descriptor readable and is read at once") {
        weir::executor ex;
        const auto [to, from] = socket_pair(ex);
        feed(to.get(), "kept");
        drop_one(ex, kind::receive, from.get(), 64);
        {
            one_read ready{kind::readable, from.get(), 0};
            ready.start(ex);
            CHECK_FALSE(ready.in_flight());
            CHECK(ready.result(ex) == 0);
        }
        one_read r{kind::receive, from.get(), 64};
        r.start(ex);
        CHECK_FALSE(r.in_flight());
        CHECK(r.text(r.result(ex)) == "kept");
        // Nothing more.
        one_read next{kind::receive, from.get(), 64};
        next.start(ex);
        ex.io().wait(ex.now());
        CHECK(next.in_flight());
    }

    TEST_CASE("dropped read: the end follows the data that was put back") {
        weir::executor ex;
        auto [to, from] = socket_pair(ex);
        feed(to.get(), "last");
        drop_one(ex, kind::receive, from.get(), 64);
        to.close();
        CHECK(get(ex, kind::receive, from.get(), 2) == "la");
        CHECK(get(ex, kind::receive, from.get(), 64) == "st");
        CHECK(get(ex, kind::receive, from.get(), 64) == "");
        drop_one(ex, kind::receive, from.get(), 64);
        CHECK(get(ex, kind::receive, from.get(), 64) == "");
    }

    TEST_CASE("dropped read: the read after a dropped read that failed with a reset fails with the same error") {
        weir::executor ex;
        auto [client, server] = support::connect_pair(ex);
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        REQUIRE(::setsockopt(client.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
        client.close();
        drop_one(ex, kind::receive, server.native_handle(), 64);
        CHECK(get(ex, kind::receive, server.native_handle(), 64) == "error " + std::to_string(ECONNRESET));
        CHECK(get(ex, kind::receive, server.native_handle(), 64) == "");
    }

    TEST_CASE("dropped read: the end of the input of a terminal is reported again") {
        weir::executor ex;
        const auto [to, from] = terminal(ex);
        feed(to.get(), "\4"); // Ctrl-D
        drop_one(ex, kind::read, from.get(), 64);
        feed(to.get(), "more\n");
        CHECK(get(ex, kind::read, from.get(), 64) == "");
        CHECK(get(ex, kind::read, from.get(), 64) == "more\n");
    }

    TEST_CASE("dropped read: a new descriptor with the number of a closed one receives no earlier data") {
        weir::executor ex;
        int number = -1;
        {
            const auto [to, from] = socket_pair(ex);
            feed(to.get(), "stale");
            number = from.get();
            drop_one(ex, kind::receive, number, 64);
        }
        const auto [to, from] = socket_pair(ex);
        REQUIRE((from.get() == number || to.get() == number));
        feed(to.get(), "new");
        feed(from.get(), "new");
        CHECK(get(ex, kind::receive, number, 64) == "new");
    }

    TEST_CASE("dropped read: a read that is dropped after its descriptor was closed keeps nothing") {
        weir::executor ex;
        auto old = socket_pair(ex);
        const int number = old.from.get();
        std::optional<one_read> r;
        r.emplace(kind::receive, number, 64);
        r->start(ex);
        feed(old.to.get(), "stale");
        r->wait(ex);
        old.from.close();
        const auto [to, from] = socket_pair(ex);
        REQUIRE((from.get() == number || to.get() == number));
        r.reset();
        feed(to.get(), "new");
        feed(from.get(), "new");
        CHECK(get(ex, kind::receive, number, 64) == "new");
    }

    TEST_CASE("dropped read leaves nothing to the next of its number however many have had the number since") {
        weir::executor ex;
        auto old = socket_pair(ex);
        const int number = old.from.get();
        std::optional<one_read> r;
        const auto changes = [&] { return weir::kernel::word_of(number) >> 32U; };
        const auto began = changes();
        r.emplace(kind::receive, number, 64);
        r->start(ex);
        feed(old.to.get(), "stale");
        r->wait(ex);
        old.from.close();
        // As many as it takes until 16 bits of their count are the same again.
        for (bool same = false; !same;) {
            const auto [to, from] = socket_pair(ex);
            REQUIRE((from.get() == number || to.get() == number));
            same = static_cast<std::uint16_t>(changes() - began) == 0;
            if (!same) continue;
            r.reset();
            feed(to.get(), "new");
            feed(from.get(), "new");
            CHECK(get(ex, kind::receive, number, 64) == "new");
        }
    }

    TEST_CASE(
        "dropped read: a descriptor that is borrowed again gets its bytes back, unless it was closed in between") {
        weir::executor ex;
        int both[2];
        REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
        {
            auto first = weir::file::borrow(both[0], "input");
            feed(both[1], "kept");
            drop_one(ex, kind::read, first.native_handle(), 64);
        }
        std::array<char, 64> buffer{};
        {
            auto second = weir::file::borrow(both[0], "input");
            CHECK(ex.run(second.read(std::span{buffer}.first(2))) == 2);
            CHECK(std::string_view{buffer.data(), 2} == "ke");
        }
        const int number = both[0];
        ::close(both[0]);
        ::close(both[1]);
        REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
        REQUIRE(both[0] == number);
        feed(both[1], "new");
        auto third = weir::file::borrow(both[0], "input");
        const std::size_t n = ex.run(third.read(buffer));
        CHECK(std::string_view{buffer.data(), n} == "new");
        ::close(both[0]);
        ::close(both[1]);
    }

    TEST_CASE("dropped read: data that was put back follows its connection to another executor") {
        weir::tcp_stream client;
        weir::tcp_stream server;
        {
            weir::executor ex;
            auto pair = support::connect_pair(ex);
            client = std::move(pair.client);
            server = std::move(pair.server);
            ex.run(client.write("kept"));
            drop_one(ex, kind::receive_bytes, server.native_handle(), 4096);
        }
        std::string got;
        std::thread other{[&] {
            weir::executor ex;
            auto stream = weir::read(server);
            got = ex.run(weir::next(stream))->to_string();
        }};
        other.join();
        CHECK(got == "kept");
    }

    TEST_CASE("dropped read: a descriptor number that moves between threads carries no earlier data") {
        std::array<int, 4> wrong{};
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t != wrong.size(); ++t) {
            threads.emplace_back([t, &wrong] {
                weir::executor ex;
                for (int round = 0; round != 1000; ++round) {
                    const auto [to, from] = pipe_ends(ex);
                    const std::string text = std::to_string(t) + ' ' + std::to_string(round);
                    std::optional<one_read> dropped;
                    dropped.emplace(kind::read, from.get(), 64);
                    dropped->start(ex);
                    if (::write(to.get(), text.data(), text.size()) < 0) ++wrong[t];
                    dropped->wait(ex);
                    dropped.reset();
                    if (round % 2 == 0 && get(ex, kind::read, from.get(), 64) != text) ++wrong[t];
                }
            });
        }
        for (std::thread& t : threads) t.join();
        CHECK(wrong == std::array<int, 4>{});
    }

    TEST_CASE("dropped read: reading again after an abandoned stream loses nothing") {
        weir::executor ex;
        auto [client, server] = support::connect_pair(ex);
        std::string got;
        std::string sent;
        for (int i = 0; i != 100; ++i) {
            auto stream = weir::read(server);
            const auto take = [&]() -> weir::task<void> { got += *co_await weir::next(stream); };
            auto taking = support::begin(ex, take());
            const std::string piece = std::to_string(i) + ' ';
            feed(client.native_handle(), piece);
            sent += piece;
            while (ex.io().in_flight() != 0) ex.io().wait(weir::time_point::max());
        }
        std::array<char, 4096> buffer{};
        while (got.size() < sent.size()) got.append(buffer.data(), ex.run(server.read(buffer)));
        CHECK(got == sent);
    }

    TEST_CASE("dropped read: the datagram of a dropped receive is received whole, with its sender") {
        weir::executor ex;
        auto a = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        auto b = ex.run(weir::udp_bind({"127.0.0.1", 0}));
        std::array<char, 64> buffer{};
        const auto receive_and_drop = [&](std::size_t size) {
            auto receiving = support::begin(ex, b.receive_from(std::span{buffer}.first(size)));
            CHECK_FALSE(receiving.finished());
            return receiving;
        };
        const auto drain = [&] {
            while (ex.io().in_flight() != 0) ex.io().wait(weir::time_point::max());
        };
        for (const std::string_view text : {"0123456789", ""}) {
            CAPTURE(text);
            {
                const auto receiving = receive_and_drop(64);
                send_now(a, b, text);
                drain();
            }
            buffer.fill('\0');
            ex.run(a.send_to("next", b.local_endpoint()));
            const auto got = ex.run(b.receive_from(buffer));
            CHECK(std::string_view{buffer.data(), got.size} == text);
            CHECK(got.from == a.local_endpoint());
            CHECK(ex.run(b.receive_from(buffer)).size == 4);
        }

        // One read takes one datagram, however large the buffer is, and reports that the buffer was too small.
        {
            const auto receiving = receive_and_drop(64);
            send_now(a, b, "0123456789");
            drain();
        }
        const auto cut = ex.run(b.receive_from(std::span{buffer}.first(4)));
        CHECK(cut.size == 4);
        CHECK(cut.sent == 10);
        ex.run(a.send_to("next", b.local_endpoint()));
        CHECK(ex.run(b.receive_from(buffer)).size == 4);

        // What was cut is gone with its rest.
        {
            const auto receiving = receive_and_drop(4);
            send_now(a, b, "0123456789");
            drain();
        }
        ex.run(a.send_to("whole", b.local_endpoint()));
        const auto whole = ex.run(b.receive_from(buffer));
        CHECK(std::string_view{buffer.data(), whole.size} == "whole");
    }

    TEST_CASE("dropped read: the message of a dropped receive on a packet socket is received whole") {
        weir::executor ex;
        const auto [to, from] = socket_pair(ex, SOCK_SEQPACKET);
        feed(to.get(), "first");
        drop_one(ex, kind::receive, from.get(), 64);
        feed(to.get(), "second");
        CHECK(get(ex, kind::receive, from.get(), 2) == "fi");
        CHECK(get(ex, kind::receive, from.get(), 64) == "second");
    }

    TEST_CASE("dropped read: descriptors that a dropped read had taken arrive with the next read or are closed") {
        weir::executor ex;
        std::array<char, 64> buffer{};
        const std::size_t before = support::open_descriptors();
        {
            auto pair = ex.run(weir::unix_pair());
            weir::unix_stream& client = pair.first;
            weir::unix_stream& server = pair.second;
            const auto write_hello = [&] {
                auto pipe = ex.run(weir::open_pipe());
                ex.run(client.write_with("hello", pipe.read_end, pipe.write_end));
            };
            const auto drop_answered = [&] {
                weir::passed_descriptors passed;
                one_read r{kind::receive_message, server.native_handle(), 64};
                r.message().descriptors = &passed;
                r.start(ex);
                r.wait(ex);
                CHECK(passed.count == 2);
                r.operation().cancel();
                CHECK(passed.count == 0); // they are not the request's any more
            };
            const std::size_t without = support::open_descriptors();

            write_hello();
            write_hello();
            drop_answered();
            drop_answered();
            CHECK(support::open_descriptors() == without + 2);
            auto got = ex.run(server.read_with(std::span{buffer}.first(2)));
            CHECK(std::string_view{buffer.data(), got.size} == "he");
            REQUIRE(got.descriptors.size() == 2);
            auto writer = std::move(got.descriptors[1]).to_file("writer");
            auto reader = std::move(got.descriptors[0]).to_file("reader");
            ex.run(writer.write("through"));
            CHECK(ex.run(reader.read(buffer)) == 7);
            got = ex.run(server.read_with(buffer));
            CHECK(std::string_view{buffer.data(), got.size} == "llo");
            CHECK(got.descriptors.empty());
            got = ex.run(server.read_with(buffer));
            CHECK(got.size == 5);
            CHECK(got.descriptors.size() == 2);
            got.descriptors.clear();
            writer.close();
            reader.close();
            CHECK(support::open_descriptors() == without);

            write_hello();
            drop_answered();
            CHECK(ex.run(server.read(buffer)) == 5);
            CHECK(support::open_descriptors() == without);

            write_hello();
            drop_answered();
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("dropped read: each byte is read once and in order, whenever reads are dropped") {
        for (const source& s : sources) {
            if (s.what == kind::receive_message) continue;
            CAPTURE(s.name);
            std::mt19937 random{11};
            const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
            weir::executor ex;
            const auto [to, from] = s.open(ex);
            std::string sent;
            std::string got;
            std::size_t cut = 0;
            for (int round = 0; round != 4000; ++round) {
                one_read r{s.what, from.get(), 1 + below(40)};
                r.start(ex);
                bool fed = false;
                for (unsigned steps = below(4); steps-- != 0;) {
                    if (!fed && below(2) == 0) {
                        const std::string piece = std::to_string(round) + '\n';
                        feed(to.get(), piece);
                        sent += piece;
                        fed = true;
                    } else {
                        ex.io().wait(ex.now());
                    }
                }
                if (r.in_flight() || below(2) == 0) {
                    cut += r.in_flight() ? 0 : 1;
                    continue;
                }
                got += r.text(r.result(ex));
            }
            CHECK(cut > 500);
            got += get_all(ex, s, from.get(), 4096, sent.size() - got.size());
            CHECK(got == sent);
        }
    }

    TEST_CASE("dropped read: a read that is dropped in the turn in which data arrives loses nothing") {
        weir::executor ex;
        const auto [to, from] = socket_pair(ex);
        auto stop = ex.run(weir::open_pipe());
        auto input = weir::file::borrow(from.get(), "input");
        std::mt19937 random{7};
        std::string sent;
        std::string got;
        std::size_t dropped = 0;
        const auto read = [&]() -> weir::task<void> {
            for (;;) {
                std::array<char, 8> buffer{};
                const std::size_t n = co_await input.read(buffer);
                got.append(buffer.data(), n);
            }
        };
        const auto restart = [&]() -> weir::task<void> {
            for (;;) {
                auto reading = ex.spawn(read());
                std::array<char, 1> one{};
                if (co_await stop.read_end.read(one) == 0) co_return;
                ++dropped;
            }
        };
        auto restarting = ex.spawn(restart());
        for (int round = 0; round != 3000; ++round) {
            const std::string piece = std::to_string(round) + ' ';
            const bool stop_first = random() % 2 == 0;
            if (stop_first) feed(stop.write_end.native_handle(), "x");
            feed(to.get(), piece);
            sent += piece;
            if (!stop_first) feed(stop.write_end.native_handle(), "x");
            for (auto turns = random() % 3; turns-- != 0;) ex.turn(ex.now());
        }
        while (got.size() < sent.size()) ex.turn(ex.now());
        CHECK(got == sent);
        CHECK(dropped > 1000);
        stop.write_end.close();
        ex.run(std::move(restarting));
    }

    TEST_CASE("dropped read: timeouts that race with arriving data lose nothing") {
        weir::executor ex;
        support::connection pair = support::connect_pair(ex);
        std::string sent;
        std::thread writer{[&, fd = pair.client.native_handle()] {
            std::mt19937 random{6};
            for (int i = 0; i != 5000; ++i) {
                const std::string piece = std::to_string(i) + ' ';
                if (::write(fd, piece.data(), piece.size()) < 0) return;
                sent += piece;
                const auto until = weir::clock::now() + weir::duration{static_cast<int>(random() % 20'000)};
                while (weir::clock::now() < until) {}
            }
            ::shutdown(fd, SHUT_WR);
        }};
        std::string got;
        bool ended = false;
        const auto read = [&]() -> weir::task<void> {
            std::array<char, 16> buffer{};
            while (!ended) {
                const std::size_t n = co_await pair.server.read(buffer);
                got.append(buffer.data(), n);
                ended = n == 0;
            }
        };
        // The time is up in one turn, in which bytes may come, and the read is dropped in the next.
        const auto read_with_timeouts = [&]() -> weir::task<void> {
            std::mt19937 random{5};
            while (!ended) {
                auto reading = ex.spawn(read());
                co_await weir::sleep_for(weir::duration(static_cast<int>(random() % 20'000)));
            }
        };
        ex.run(read_with_timeouts());
        writer.join();
        CHECK(got == sent);
    }
}
