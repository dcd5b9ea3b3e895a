// SPDX-License-Identifier: MIT
#include <weir/source/signals.hpp>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/sink/next.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include "raw_io.hpp"

namespace {

/// A handler of someone else's.
volatile std::sig_atomic_t counted = 0;
void count(int) { counted = counted + 1; }

bool is_counted(int number) {
    struct sigaction action{};
    ::sigaction(number, nullptr, &action);
    return action.sa_handler == count;
}

} // namespace

TEST_SUITE("source/signals") {
    TEST_CASE("signals emits each signal as an item") {
        weir::executor ex;
        auto stream = weir::signals(SIGUSR1, SIGUSR2);
        auto waiting = support::begin(ex, weir::next(stream));
        CHECK_FALSE(waiting.finished());
        std::raise(SIGUSR2);
        CHECK(ex.run(std::move(waiting)) == SIGUSR2);
        std::raise(SIGUSR1);
        CHECK(ex.run(weir::next(stream)) == SIGUSR1);
    }

    TEST_CASE("signals emits a signal that arrives several times between two polls once") {
        weir::executor ex;
        auto stream = weir::signals(SIGUSR1, SIGUSR2);
        { auto subscribing = support::begin(ex, weir::next(stream)); }
        for (int i = 0; i != 5; ++i) std::raise(SIGUSR1);
        std::raise(SIGUSR2);
        CHECK(ex.run(weir::next(stream)) == SIGUSR1);
        CHECK(ex.run(weir::next(stream)) == SIGUSR2);
        auto waiting = support::begin(ex, weir::next(stream));
        for (int i = 0; i != 5; ++i) ex.turn(ex.now());
        CHECK_FALSE(waiting.finished());
    }

    TEST_CASE("signals takes effect at its first poll, and ends with the last stream") {
        weir::executor ex;
        struct sigaction action{};
        struct sigaction former{};
        action.sa_handler = count;
        ::sigaction(SIGUSR1, &action, &former);
        {
            std::optional first{weir::signals(SIGUSR1)};
            CHECK(is_counted(SIGUSR1));
            auto waiting = support::begin(ex, weir::next(*first));
            CHECK_FALSE(is_counted(SIGUSR1));
            {
                auto second = weir::signals(SIGUSR1);
                auto also = support::begin(ex, weir::next(second));
            }
            CHECK_FALSE(is_counted(SIGUSR1));
            std::raise(SIGUSR1);
            CHECK(ex.run(std::move(waiting)) == SIGUSR1);
            CHECK(counted == 0);
        }
        CHECK(is_counted(SIGUSR1));
        std::raise(SIGUSR1);
        CHECK(counted == 1);
        ::sigaction(SIGUSR1, &former, nullptr);
    }

    TEST_CASE("signals delivers each signal to each stream on every executor") {
        weir::executor a;
        weir::executor b;
        auto on_a = weir::signals(SIGUSR1);
        auto also_on_a = weir::signals(SIGUSR1, SIGUSR2);
        auto on_b = weir::signals(SIGUSR1);
        auto first = support::begin(a, weir::next(on_a));
        auto second = support::begin(a, weir::next(also_on_a));
        auto third = support::begin(b, weir::next(on_b));
        std::raise(SIGUSR1);
        CHECK(a.run(std::move(first)) == SIGUSR1);
        CHECK(a.run(std::move(second)) == SIGUSR1);
        CHECK(b.run(std::move(third)) == SIGUSR1);
    }

    TEST_CASE("signals wakes an executor that sleeps on another thread") {
        std::atomic<bool> waits = false;
        std::optional<int> got;
        std::thread other{[&] {
            weir::executor ex;
            auto stream = weir::signals(SIGUSR1);
            auto waiting = support::begin(ex, weir::next(stream));
            waits = true;
            got = ex.run(std::move(waiting));
        }};
        while (!waits) std::this_thread::yield();
        ::kill(::getpid(), SIGUSR1);
        other.join();
        CHECK(got == SIGUSR1);
    }

    TEST_CASE("signals fails for a signal that cannot be caught") {
        weir::executor ex;
        const auto listen = [&](int number) {
            return support::system_error_of([&] {
                auto stream = weir::signals(number);
                return ex.run(weir::next(stream));
            });
        };
        CHECK(listen(SIGKILL) == "catch signal 9: Invalid argument");
        CHECK(listen(0) == "catch signal 0: Invalid argument");
        CHECK(listen(1000) == "catch signal 1000: Invalid argument");
        auto working = weir::signals(SIGUSR1);
        auto waiting = support::begin(ex, weir::next(working));
        std::raise(SIGUSR1);
        CHECK(ex.run(std::move(waiting)) == SIGUSR1);
    }

    TEST_CASE("signals: streams may be created and destroyed while signals arrive") {
        struct sigaction ignore{};
        struct sigaction former{};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGUSR1, &ignore, &former);
        std::atomic<bool> stop = false;
        std::thread sender{[&] {
            while (!stop) ::kill(::getpid(), SIGUSR1);
        }};
        const std::size_t before = support::open_descriptors();
        {
            weir::executor ex;
            for (int i = 0; i != 1'000; ++i) {
                auto stream = weir::signals(SIGUSR1);
                if (i % 2 == 0) {
                    CHECK(ex.run(weir::next(stream)) == SIGUSR1);
                } else {
                    auto dropped = support::begin(ex, weir::next(stream));
                }
            }
        }
        stop = true;
        sender.join();
        CHECK(support::open_descriptors() == before);
        ::sigaction(SIGUSR1, &former, nullptr);
    }
}
