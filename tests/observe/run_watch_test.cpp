// SPDX-License-Identifier: MIT
#include <weir/observe/run_watch.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/observe/prometheus.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

namespace {

/// Holds up everything on its thread, by the clock of the machine.
void block_for(weir::duration d) {
    for (const auto end = weir::clock::now() + d; weir::clock::now() < end;) {}
}

weir::task<> blocks() {
    co_await weir::sleep_for(1ms);
    block_for(3ms);
    co_await weir::sleep_for(1ms);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_SUITE("observe/run_watch") {
    TEST_CASE("run_watch reports a run that takes too long, with its place") {
        virtual_executor ex;
        std::vector<weir::stall> stalls;
        weir::run_watch watch{ex, {.threshold = 3ms, .on_stall = [&](const weir::stall& s) { stalls.push_back(s); }}};
        ex.run(blocks());
        REQUIRE(stalls.size() == 1);
        CHECK(stalls[0].ran >= 3ms);
        INFO(stalls[0].what);
        CHECK(has(stalls[0].what, "run: task, "));
        CHECK(has(stalls[0].what, "blocks at "));
        CHECK(has(stalls[0].what, "run_watch_test.cpp:33 awaits sleep_for"));
        CHECK(watch.stalls() == 1);
        CHECK(watch.runs().count() >= 3);
        CHECK(watch.runs().max() >= 3ms);
        CHECK(watch.turns().quantile(1) >= 3ms);
    }

    TEST_CASE("run_watch names the spawn of a pipeline that takes too long") {
        virtual_executor ex;
        std::vector<std::string> stalls;
        const weir::run_watch watch{
            ex, {.threshold = 2ms, .on_stall = [&](const weir::stall& s) { stalls.push_back(s.what); }}};
        auto pipeline = ex.spawn(weir::interval(1s) | weir::inspect([](auto) { block_for(2ms); }) | weir::drain());
        ex.advance(2500ms);
        REQUIRE(stalls.size() == 2);
        CHECK(has(stalls[0], "spawned at "));
        CHECK(has(stalls[0], "interval | inspect | drain"));
    }

    TEST_CASE("run_watch: on_stall may destroy it") {
        virtual_executor ex;
        std::optional<weir::run_watch> watch;
        std::vector<std::string> stalls;
        watch.emplace(ex, weir::run_watch_options{.threshold = 3ms, .on_stall = [&](const weir::stall& s) {
                                                      watch.reset();
                                                      stalls.push_back(s.what);
                                                  }});
        ex.run(blocks());
        ex.run(blocks());
        CHECK(stalls.size() == 1);
    }

    TEST_CASE("run_watch: the longest queue, and the numbers for Prometheus") {
        virtual_executor ex;
        const auto name = [&] { return weir::prometheus_text(ex, "main"); };
        {
            weir::run_watch watch{ex};
            const auto sleeps = []() -> weir::task<> { co_await weir::sleep_for(1s); };
            std::vector<weir::join_handle<weir::task<>>> all;
            for (int i = 0; i != 50; ++i) all.push_back(ex.spawn(sleeps()));
            CHECK(ex.stats().wakers_ready == 50);
            ex.advance(2s);
            CHECK(ex.stats().wakers_ready == 0);
            CHECK(ex.stats().timers_fired == 50);
            CHECK(watch.longest_queue() == 50);
            CHECK(watch.runs().count() == 100);
            CHECK(has(name(), "weir_executor_run_seconds_count{executor=\"main\"} 100"));
            CHECK(has(name(), "weir_executor_turn_seconds{executor=\"main\",quantile=\"0.99\"} "));
            CHECK(has(name(), "weir_executor_longest_queue{executor=\"main\"} 50"));
        }
        CHECK_FALSE(has(name(), "weir_executor_run_seconds"));
    }

    TEST_CASE("run_watch: how late timers are, and the time of each phase") {
        weir::executor ex;
        weir::run_watch watch{ex};
        const auto sleeps = []() -> weir::task<> { co_await weir::sleep_for(2ms); };
        const auto other = ex.spawn(sleeps());
        ex.run([&]() -> weir::task<> {
            ex.post([] { block_for(1ms); });
            block_for(6ms); // the timer of the other task, which ran first, becomes due meanwhile
            // On a busy machine a timer may be due before the executor waits for it.
            while (watch.phases().io == 0ns) co_await weir::sleep_for(1ms);
        });
        CHECK(watch.lag().max() >= 3ms);
        const weir::loop_phases phases = watch.phases();
        CHECK(phases.ready >= 6ms);
        CHECK(phases.timers > 0ns);
        CHECK(phases.inbox >= 1ms);
        const std::string text = weir::prometheus_text(ex, "e");
        CHECK(has(text, "weir_executor_lag_seconds_count{executor=\"e\"} " + std::to_string(watch.lag().count())));
        CHECK(has(text, "weir_executor_phase_seconds_total{executor=\"e\",phase=\"io\"} "));
    }

    TEST_CASE("run_watch: an executor has one, which a task may destroy") {
        virtual_executor ex;
        auto watch = std::make_optional<weir::run_watch>(ex);
        CHECK_THROWS_AS(weir::run_watch{ex}, std::logic_error);
        ex.run([&]() -> weir::task<> {
            co_await weir::yield();
            watch.reset();
            co_await weir::yield();
        });
        watch.emplace(ex);
        ex.run(weir::yield());
        CHECK(watch->runs().count() != 0);
    }
}
