// SPDX-License-Identifier: MIT
#include <weir/observe/prometheus.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::prometheus_text;
using weir::testing::virtual_executor;

namespace {

/// The part of a text that begins with a metric's first sample.
std::string samples(const std::string& text, const std::string& metric) {
    const std::size_t first = text.find('\n' + metric + '{');
    REQUIRE(first != std::string::npos);
    const std::size_t end = text.find("\n#", first);
    return text.substr(first + 1, end == std::string::npos ? std::string::npos : end - first);
}

} // namespace

TEST_SUITE("observe/prometheus") {
    TEST_CASE("prometheus_text of an executor without metered stages is its own counters") {
        virtual_executor ex;
        CHECK(prometheus_text(ex, "main") ==
              "# HELP weir_executor_turns_total Turns of the executor.\n"
              "# TYPE weir_executor_turns_total counter\n"
              "weir_executor_turns_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_wakers_run_total Wakers that the executor ran.\n"
              "# TYPE weir_executor_wakers_run_total counter\n"
              "weir_executor_wakers_run_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_waits_total Visits to the backend.\n"
              "# TYPE weir_executor_waits_total counter\n"
              "weir_executor_waits_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_wakers_ready Wakers that wait for their run.\n"
              "# TYPE weir_executor_wakers_ready gauge\n"
              "weir_executor_wakers_ready{executor=\"main\"} 0\n"
              "# HELP weir_executor_timers Timers that are armed.\n"
              "# TYPE weir_executor_timers gauge\n"
              "weir_executor_timers{executor=\"main\"} 0\n"
              "# HELP weir_executor_timers_fired_total Timers that have become due.\n"
              "# TYPE weir_executor_timers_fired_total counter\n"
              "weir_executor_timers_fired_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_io_started_total I/O operations that were started.\n"
              "# TYPE weir_executor_io_started_total counter\n"
              "weir_executor_io_started_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_io_completed_total I/O operations that have completed.\n"
              "# TYPE weir_executor_io_completed_total counter\n"
              "weir_executor_io_completed_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_io_cancelled_total I/O operations that were cancelled "
              "in flight.\n"
              "# TYPE weir_executor_io_cancelled_total counter\n"
              "weir_executor_io_cancelled_total{executor=\"main\"} 0\n"
              "# HELP weir_executor_io_in_flight I/O operations in flight.\n"
              "# TYPE weir_executor_io_in_flight gauge\n"
              "weir_executor_io_in_flight{executor=\"main\"} 0\n");
    }

    TEST_CASE("prometheus_text has the counters and times of each metered stage") {
        virtual_executor ex;
        ex.run(weir::interval(250ms) | weir::take(3) | weir::meter("ticks") |
               weir::for_each([](auto) { return weir::sleep_for(1500ms); }));
        const auto waiting = ex.spawn(weir::interval(1h) | weir::meter("hours") | weir::drain());
        ex.advance(2s);
        const std::string text = prometheus_text(ex, "e");
        CHECK(samples(text, "weir_executor_timers") == "weir_executor_timers{executor=\"e\"} 1\n");
        CHECK(samples(text, "weir_stage_started_total") ==
              "weir_stage_started_total{executor=\"e\",stage=\"ticks\"} 1\n"
              "weir_stage_started_total{executor=\"e\",stage=\"hours\"} 1\n");
        CHECK(samples(text, "weir_stage_items_total") == "weir_stage_items_total{executor=\"e\",stage=\"ticks\"} 3\n"
                                                         "weir_stage_items_total{executor=\"e\",stage=\"hours\"} 0\n");
        CHECK(samples(text, "weir_stage_ends_total") ==
              "weir_stage_ends_total{executor=\"e\",stage=\"ticks\",how=\"ended\"} 1\n"
              "weir_stage_ends_total{executor=\"e\",stage=\"ticks\",how=\"failed\"} 0\n"
              "weir_stage_ends_total{executor=\"e\",stage=\"ticks\",how=\"cut_short\"} 0\n"
              "weir_stage_ends_total{executor=\"e\",stage=\"hours\",how=\"ended\"} 0\n"
              "weir_stage_ends_total{executor=\"e\",stage=\"hours\",how=\"failed\"} 0\n"
              "weir_stage_ends_total{executor=\"e\",stage=\"hours\",how=\"cut_short\"} 0\n");
        CHECK(samples(text, "weir_stage_waited_seconds_total") ==
              "weir_stage_waited_seconds_total{executor=\"e\",stage=\"ticks\"} 0.25\n"
              "weir_stage_waited_seconds_total{executor=\"e\",stage=\"hours\"} 2\n");
        CHECK(samples(text, "weir_stage_unasked_seconds_total") ==
              "weir_stage_unasked_seconds_total{executor=\"e\",stage=\"ticks\"} 4.5\n"
              "weir_stage_unasked_seconds_total{executor=\"e\",stage=\"hours\"} 0\n");
    }

    TEST_CASE("prometheus_text escapes what a label's value must not hold") {
        virtual_executor ex;
        ex.run(weir::iota(0, 1) | weir::meter("a\"b\\c\nd") | weir::drain());
        CHECK(samples(prometheus_text(ex, "\\"), "weir_stage_items_total") ==
              "weir_stage_items_total{executor=\"\\\\\",stage=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
