// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>
#include <weir/io/unix.hpp>
#include <weir/task.hpp>

#include "raw_io.hpp"
#include "temporary_file.hpp"

using namespace std::chrono_literals;

namespace {

constexpr int operations = 100'000;
constexpr std::size_t at_once = 64;
constexpr char canary = '\x5a';

/// What operations use. Only the one that runs may touch the memory.
struct place {
    std::optional<weir::join_handle<weir::task<>>> running;
    std::vector<char> memory = std::vector<char>(4096, canary);

    bool untouched() const {
        // Compared with itself, one further.
        return memory.front() == canary && std::memcmp(memory.data(), memory.data() + 1, memory.size() - 1) == 0;
    }
    void clean() { std::memset(memory.data(), canary, memory.size()); }
};

class storm {
public:
    explicit storm(std::uint32_t seed) : random_{seed} {
        for (int i = 0; i != 8; ++i) {
            connections_.push_back(support::connect_pair(ex_));
            int read_end = -1;
            int write_end = -1;
            REQUIRE(ex_.io().open_pipe(read_end, write_end) == 0);
            readers_.emplace_back(weir::detail::descriptor{read_end, ex_.io().closer()}, "reader");
            writers_.emplace_back(weir::detail::descriptor{write_end, ex_.io().closer()}, "writer");
        }
        listener_ = ex_.run(weir::listen({"127.0.0.1", 0}));
        file_ = ex_.run(weir::open(content_.path()));
    }

    void run() {
        while (started_ != operations) {
            place& p = places_[below(at_once)];
            if (p.running) {
                const bool ended = p.running->finished();
                if (ended) {
                    ++finished_;
                    end(p);
                } else if (below(4) != 0) {
                    ++dropped_;
                    end(p);
                }
            } else {
                // Nothing that was dropped earlier has written there since.
                if (!p.untouched()) ++strays_;
                ++started_;
                p.running.emplace(ex_.spawn(begin(p)));
            }
            // Before it has begun, as it has just been handed over, and when it has been in the kernel for a while.
            if (below(24) == 0) ex_.turn(ex_.now());
        }
        for (place& p : places_) {
            if (p.running) end(p);
        }
        for (int i = 0; i != 100; ++i) ex_.turn(ex_.now());
        for (const place& p : places_) strays_ += !p.untouched();
        CHECK(strays_ == 0);
        CHECK(ex_.io().in_flight() == 0);
        CHECK(ex_.stats().timers_armed == 0);
        // It was not all one or the other.
        CHECK(dropped_ > operations / 4);
        CHECK(finished_ > operations / 20);
    }

private:
    std::uint32_t below(std::uint64_t limit) {
        return static_cast<std::uint32_t>(random_() % static_cast<std::uint32_t>(limit));
    }

    static void end(place& p) {
        p.running.reset();
        p.clean();
    }

    weir::task<> begin(place& p) {
        // Beside others on the same devices: what it reads does not matter, where that goes does.
        auto& pair = connections_[below(connections_.size())];
        const std::size_t i = below(readers_.size());
        const std::size_t size = 1 + below(p.memory.size());
        const std::span<char> part{p.memory.data(), size};
        switch (below(12)) {
        case 0:
            return read(pair.client, part);
        case 1:
            return read(pair.server, part);
        case 2:
            return write(pair.client, part);
        case 3:
            return write(pair.server, part);
        case 4:
            return read(readers_[i], part);
        case 5:
            return write(writers_[i], part);
        case 6:
            return read_at(below(60'000), part);
        case 7:
            return connect();
        case 8:
            return accept();
        case 9:
            return open();
        case 10:
            return sleep(weir::duration{below(200'000)});
        default:
            return both(pair, part);
        }
    }

    template <class Device>
    static weir::task<> read(Device& from, std::span<char> to) {
        try {
            static_cast<void>(co_await from.read(to));
        } catch (const std::system_error&) {} // as when its peer is gone
    }
    template <class Device>
    static weir::task<> write(Device& to, std::span<char> what) {
        co_await to.write(what);
    }
    weir::task<> read_at(std::uint64_t offset, std::span<char> to) { co_await file_.read_at(offset, to); }
    weir::task<> connect() {
        weir::tcp_stream one = co_await weir::tcp_connect(listener_.local_endpoint());
        co_await one.write("x");
    }
    weir::task<> accept() {
        weir::tcp_stream one = co_await listener_.accept();
        std::array<char, 1> got{};
        co_await one.read(got);
    }
    weir::task<> open() {
        weir::file one = co_await weir::open(content_.path());
        std::array<char, 100> got{};
        co_await one.read(got);
    }
    static weir::task<> sleep(weir::duration d) { co_await weir::sleep_for(d); }
    /// An echo that is cut off at any of its steps.
    weir::task<> both(support::connection& pair, std::span<char> part) {
        for (int i = 0; i != 3; ++i) {
            co_await pair.client.write(part.first(1));
            co_await weir::yield();
            co_await pair.server.read(part);
        }
    }

    support::temporary_file content_{std::string(64 * 1024, 'c')};
    weir::executor ex_;
    std::mt19937 random_;
    std::vector<support::connection> connections_;
    std::deque<weir::file> readers_;
    std::deque<weir::file> writers_;
    weir::tcp_listener listener_;
    weir::file file_;
    std::array<place, at_once> places_; // last: dropped first
    int started_ = 0;
    int finished_ = 0;
    int dropped_ = 0;
    int strays_ = 0;
};

} // namespace

TEST_SUITE("faults/storm") {
    TEST_CASE("100 000 operations that are dropped at random moments leave nothing and wake nothing") {
        for (const std::uint32_t seed : {1u, 2u}) {
            CAPTURE(seed);
            const std::size_t before = support::open_descriptors();
            {
                storm one{seed};
                one.run();
            }
            CHECK(support::open_descriptors() == before);
        }
    }

    TEST_CASE("an executor that is destroyed in the middle of a storm drops all operations") {
        const std::size_t before = support::open_descriptors();
        for (std::uint32_t seed = 1; seed != 50; ++seed) {
            std::vector<char> memory(4096, canary);
            {
                weir::executor ex;
                auto pair = support::connect_pair(ex);
                std::vector<weir::join_handle<weir::task<>>> all;
                const auto read = [&]() -> weir::task<> { co_await pair.client.read(memory); };
                const auto write = [&]() -> weir::task<> { co_await pair.server.write("x"); };
                const auto wait = [&]() -> weir::task<> { co_await weir::sleep_for(1h); };
                all.push_back(ex.spawn(read()));
                all.push_back(ex.spawn(wait()));
                for (std::uint32_t i = 0; i != seed % 4; ++i) ex.turn(ex.now());
                all.push_back(ex.spawn(write()));
                for (std::uint32_t i = 0; i != seed % 3; ++i) ex.turn(ex.now());
                if (seed % 2 == 0) ex.shut_down();
            }
        }
        CHECK(support::open_descriptors() == before);
    }
}
