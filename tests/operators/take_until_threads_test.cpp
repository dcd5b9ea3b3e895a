// SPDX-License-Identifier: MIT
#include <weir/operators/take_until.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include <weir/sink/for_each.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/timer.hpp>

using namespace std::chrono_literals;

TEST_SUITE("threads/take_until") {
    TEST_CASE("take_until: a stop from another thread ends a waiting stream") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other;
            weir::executor ex;
            ex.post([&] { other = std::thread{[&] { stop.request_stop(); }}; });
            ex.run(weir::timer(1h) | weir::take_until(stop.get_token()) | weir::for_each([](auto) {}));
            CHECK(stop.stop_requested());
            other.join();
        }
    }

    TEST_CASE("take_until: a stop from another thread ends a stream that is always ready") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other;
            weir::run(weir::iota(0) | weir::take_until(stop.get_token()) | weir::for_each([&](int i) {
                          if (i == 10) other = std::thread{[&] { stop.request_stop(); }};
                      }));
            CHECK(stop.stop_requested());
            other.join();
        }
    }

    TEST_CASE("take_until: the stream may be destroyed while another thread requests the stop") {
        for (int round = 0; round != 50; ++round) {
            std::stop_source stop;
            std::thread other;
            {
                weir::executor ex;
                ex.post([&] { other = std::thread{[&] { stop.request_stop(); }}; });
                ex.run(weir::interval(1us) | weir::take_until(weir::timer(20us)) | weir::take_until(stop.get_token()) |
                       weir::for_each([](auto) {}));
            }
            if (other.joinable()) other.join();
        }
    }
}
