// SPDX-License-Identifier: MIT
#include <weir/backend/backend.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/file.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include <pthread.h>

#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

std::atomic<weir::executor*> stopped_by_signal = nullptr;

/// Until the executor is in its wait, as far as can be told from outside.
void until_it_waits(const std::atomic<bool>& started) {
    while (!started.load()) std::this_thread::yield();
}

} // namespace

TEST_SUITE("executor/backend_wait") {
    TEST_CASE("backend: a post from another thread wakes an executor that sleeps") {
        weir::executor ex;
        std::atomic<bool> started = false;
        std::thread::id ran_on;
        std::thread other{[&] {
            until_it_waits(started);
            ex.post([&] {
                ran_on = std::this_thread::get_id();
                ex.stop();
            });
        }};
        ex.post([&] { started = true; });
        CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped);
        other.join();
        CHECK(ran_on == std::this_thread::get_id());
    }

    TEST_CASE("backend loses none of many posts from many threads") {
        weir::executor ex;
        constexpr int threads = 4;
        constexpr int posts = 5'000;
        int arrived = 0; // on the executor's thread only
        std::vector<std::thread> others;
        for (int t = 0; t != threads; ++t) {
            others.emplace_back([&] {
                for (int i = 0; i != posts; ++i) {
                    ex.post([&] {
                        if (++arrived == threads * posts) ex.stop();
                    });
                }
            });
        }
        CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped);
        for (auto& other : others) other.join();
        CHECK(arrived == threads * posts);
    }

    TEST_CASE("backend: stop from another thread ends a run") {
        weir::executor ex;
        std::atomic<bool> started = false;
        std::thread other{[&] {
            until_it_waits(started);
            ex.stop();
        }};
        ex.post([&] { started = true; });
        CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped);
        other.join();
    }

    TEST_CASE("backend: stop from a signal handler ends a run") {
        weir::executor ex;
        stopped_by_signal = &ex;
        struct sigaction action{};
        struct sigaction former{};
        action.sa_handler = [](int) { stopped_by_signal.load()->stop(); };
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGUSR1, &action, &former);
        std::atomic<bool> started = false;
        const pthread_t self = ::pthread_self();
        std::thread other{[&] {
            until_it_waits(started);
            ::pthread_kill(self, SIGUSR1);
        }};
        ex.post([&] { started = true; });
        CHECK_THROWS_AS(ex.run(weir::sleep_for(1h)), weir::stopped);
        other.join();
        ::sigaction(SIGUSR1, &former, nullptr);
    }

    TEST_CASE("backend: a notification before a wait ends that wait") {
        weir::executor ex;
        ex.io().notify();
        ex.io().wait(weir::time_point::max());
        ex.io().notify();
        ex.io().notify();
        ex.io().wait(weir::time_point::max());
    }

    TEST_CASE("backend: timers do not fire early") {
        weir::executor ex;
        for (const weir::duration d : {weir::duration{1ns}, weir::duration{700ns}, weir::duration{30us},
                                       weir::duration{999us}, weir::duration{1'001us}, weir::duration{2'500us}}) {
            const auto before = weir::clock::now();
            ex.run(weir::sleep_until(before + d));
            CHECK(weir::clock::now() >= before + d);
        }
    }

    TEST_CASE("backend: a wait for a near deadline does not spin") {
        weir::executor ex;
        const auto before = ex.stats().waits;
        ex.run(weir::sleep_for(3'300us));
        CHECK(ex.stats().waits - before <= 5);
    }

    TEST_CASE("backend: a wait until a time in the past returns at once") {
        weir::executor ex;
        std::array<char, 8> buffer{};
        auto p = ex.run(weir::open_pipe());
        auto reading = support::begin(ex, p.read_end.read(buffer));
        for (int i = 0; i != 1'000; ++i) {
            ex.io().wait(weir::time_point{});
            ex.io().wait(weir::clock::now());
        }
        CHECK_FALSE(reading.finished());
    }

    TEST_CASE("backend: an executor may be constructed on one thread and run on another") {
        std::optional<weir::executor> ex{std::in_place};
        std::thread{[&] {
            auto p = ex->run(weir::open_pipe());
            std::array<char, 8> buffer{};
            auto reading = support::begin(*ex, p.read_end.read(buffer));
            ex->run(p.write_end.write("hello"));
            CHECK(ex->run(std::move(reading)) == 5);
        }}.join();
        ex.reset();
    }

    TEST_CASE("backend: operations in flight may be dropped after their thread has ended") {
        std::optional<weir::executor> ex{std::in_place};
        std::optional<weir::pipe> p;
        std::array<char, 8> buffer{};
        std::thread{[&] {
            p.emplace(ex->run(weir::open_pipe()));
            support::begin(*ex, p->read_end.read(buffer)).detach();
            ex->spawn(p->read_end.read(buffer)).detach();
        }}.join();
        ex.reset();
        CHECK(buffer[0] == 0);
    }
}
