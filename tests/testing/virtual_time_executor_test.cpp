// SPDX-License-Identifier: MIT
#include <weir/testing/virtual_time_executor.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include <weir/executor/sleep.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

using weir::testing::simulation;
using weir::testing::virtual_executor;
using weir::testing::virtual_time_executor;

template <class Executor>
std::unique_ptr<virtual_time_executor> make() {
    if constexpr (std::is_same_v<Executor, simulation>) {
        return std::make_unique<simulation>(1, weir::testing::simulation_options{.slow_turn = 0});
    } else {
        return std::make_unique<virtual_executor>();
    }
}

weir::task<> sleep_twice(int& done) {
    co_await weir::sleep_for(1h);
    ++done;
    co_await weir::sleep_for(1h);
    ++done;
}

} // namespace

TEST_SUITE("testing/virtual_time_executor") {
    TEST_CASE_TEMPLATE("virtual_time_executor: advance runs the timers that become due and moves the clock", Executor,
                       virtual_executor, simulation) {
        const auto ex = make<Executor>();
        int done = 0;
        const auto handle = ex->spawn(sleep_twice(done));
        ex->run_ready();
        CHECK(ex->elapsed() == 0s);
        ex->advance(90min);
        CHECK(done == 1);
        CHECK(ex->elapsed() == 90min);
        ex->advance(30min);
        CHECK(done == 2);
        CHECK(handle.finished());
    }

    TEST_CASE_TEMPLATE("advance of a virtual_time_executor rejects a time that the clock cannot express", Executor,
                       virtual_executor, simulation) {
        const auto ex = make<Executor>();
        CHECK_THROWS_AS(ex->advance(weir::duration::max()), std::invalid_argument);
        ex->advance(1h);
        CHECK_THROWS_AS(ex->advance(weir::duration::max() - 1h), std::invalid_argument);
        CHECK(ex->elapsed() >= 1h);
    }

    TEST_CASE_TEMPLATE("run_until_idle of a virtual_time_executor runs until no timer is armed", Executor,
                       virtual_executor, simulation) {
        const auto ex = make<Executor>();
        int done = 0;
        const auto handle = ex->spawn(sleep_twice(done));
        ex->run_until_idle();
        CHECK(handle.finished());
        CHECK(ex->elapsed() == 2h);
        ex->run_until_idle();
        CHECK(ex->elapsed() == 2h);
    }

    TEST_CASE("virtual_time_executor: run_until_idle completes the I/O that can complete in a simulation") {
        const weir::endpoint at{"10.0.0.2", 7};
        simulation sim{1};
        auto listener = sim.run(weir::listen(at));
        auto first = sim.spawn(listener.accept());
        auto connected = sim.spawn(weir::tcp_connect(at));
        sim.run_until_idle();
        CHECK(first.finished());
        CHECK(connected.finished());
        auto second = sim.spawn(listener.accept());
        sim.run_until_idle();
        CHECK_FALSE(second.finished());
    }

    TEST_CASE("virtual_time_executor: an executor may be deleted through its base") {
        bool destroyed = false;
        struct note {
            bool& destroyed;
            ~note() { destroyed = true; }
        };
        std::unique_ptr<weir::executor> ex = make<virtual_executor>();
        const auto body = [&destroyed]() -> weir::task<> {
            const note at_end{destroyed};
            co_await weir::sleep_for(1s);
        };
        auto handle = ex->spawn(body());
        static_cast<virtual_executor&>(*ex).run_ready();
        ex.reset();
        CHECK(destroyed);
    }
}
