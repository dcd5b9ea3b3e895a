// SPDX-License-Identifier: MIT
#include <weir/interop/with_stop.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include <weir/executor/sleep.hpp>
#include <weir/interop/stop_scope.hpp>
#include <weir/task.hpp>

using namespace std::chrono_literals;

TEST_SUITE("threads/with_stop") {
    TEST_CASE("with_stop: a stop from another thread ends run") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other;
            auto waits = [&]() -> weir::task<> {
                other = std::thread{[&] { stop.request_stop(); }};
                co_await weir::sleep_for(1h);
            };
            CHECK_THROWS_AS(weir::run(waits(), stop.get_token()), weir::stopped);
            other.join();
        }
    }

    TEST_CASE("with_stop: the operation may end while another thread requests the stop") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other;
            auto waits = [&]() -> weir::task<> {
                other = std::thread{[&] { stop.request_stop(); }};
                co_await weir::sleep_for(20us);
            };
            weir::executor ex;
            ex.run(weir::with_stop(stop.get_token(), waits()));
            other.join();
        }
    }

    TEST_CASE("with_stop: blocking code on another thread sees that the scope has died") {
        for (int round = 0; round != 20; ++round) {
            std::thread worker;
            auto body = [&]() -> weir::task<> {
                const weir::stop_scope scope;
                worker = std::thread{[token = scope.token()] {
                    while (!token.stop_requested()) std::this_thread::yield();
                }};
                co_await weir::sleep_for(10us);
            };
            weir::run(body());
            worker.join();
        }
    }

    TEST_CASE("with_stop: linked scopes may be destroyed while another thread stops their sources") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other{[&] { stop.request_stop(); }};
            {
                const weir::stop_scope outer{stop.get_token()};
                const weir::stop_scope inner{outer.token(), stop.get_token()};
            }
            other.join();
        }
    }
}
