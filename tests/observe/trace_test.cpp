// SPDX-License-Identifier: MIT
#include <weir/observe/trace.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/run_watch.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/interval.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::trace_span;
using weir::testing::virtual_executor;
using kind = weir::trace_span::kind;

namespace {

/// Keeps the spans.
class kept_spans final : public weir::trace_receiver {
public:
    struct kept {
        kind what;
        std::string name;
        weir::duration begin;
        weir::duration length;
    };

    explicit kept_spans(weir::time_point start) : start_{start} {}

    void receive(std::uint64_t track, const trace_span& span) noexcept override {
        tracks.push_back(track);
        all.push_back({span.what, std::string{span.name}, span.begin - start_, span.length});
    }
    std::vector<kept> of(kind what) const {
        std::vector<kept> found;
        for (const kept& one : all) {
            if (one.what == what) found.push_back(one);
        }
        return found;
    }

    std::vector<kept> all;
    std::vector<std::uint64_t> tracks;

private:
    weir::time_point start_;
};

weir::task<> sleeps() {
    co_await weir::sleep_for(2s);
    co_await weir::sleep_for(3s);
}

} // namespace

TEST_SUITE("observe/trace") {
    TEST_CASE("trace: turns, runs, idle times and waits of metered stages") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        {
            const weir::trace recorded{ex, spans, {.one_in = 1, .named_from = 0s}};
            ex.run(sleeps());
            ex.run(weir::interval(250ms) | weir::take(2) | weir::meter("ticks") | weir::drain());
        }
        const auto runs = spans->of(kind::run);
        REQUIRE(runs.size() == 14); // each with the time that it took to describe it
        INFO(runs[2].name);
        CHECK(runs[0].name == "run: task");
        CHECK(runs[2].name.find("trace_test.cpp:64 awaits sleep_for") != std::string::npos);
        CHECK(runs[1].name == "trace: described the run");
        CHECK(runs[2].begin == 2s);
        CHECK(runs[4].begin == 5s);
        const auto idle = spans->of(kind::idle);
        CHECK(idle.size() == spans->of(kind::turn).size());
        weir::duration all_idle{};
        for (const auto& one : idle) all_idle += one.length;
        CHECK(all_idle == 5500ms);
        const auto waits = spans->of(kind::stage);
        REQUIRE(waits.size() == 2);
        CHECK(waits[1].name == "ticks");
        CHECK(waits[1].begin == 5250ms);
        CHECK(waits[1].length == 250ms);
        for (const std::uint64_t track : spans->tracks) CHECK(track == spans->tracks[0]);

        const std::size_t recorded_before = spans->all.size();
        ex.run(sleeps());
        CHECK(spans->all.size() == recorded_before);
    }

    TEST_CASE("trace records one turn and one wait in so many") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        const weir::trace recorded{ex, spans, {.one_in = 10}};
        ex.run(weir::interval(1s) | weir::take(100) | weir::meter("ticks") | weir::drain());
        CHECK(spans->of(kind::turn).size() == ex.stats().turns / 10);
        CHECK(spans->of(kind::stage).size() == 10);
        for (const auto& run : spans->of(kind::run)) CHECK(run.name == "run"); // short ones are not described
    }

    TEST_CASE("trace: a task may end the trace, and a run_watch may stand beside it") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        auto recorded = std::make_unique<weir::trace>(ex, spans, weir::trace_options{.one_in = 1});
        auto watch = std::make_optional<weir::run_watch>(ex);
        ex.run([&]() -> weir::task<> {
            co_await weir::yield();
            recorded.reset();
            co_await weir::yield();
        });
        CHECK(spans->of(kind::run).size() == 1);
        CHECK(watch->runs().count() == 4);
        recorded = std::make_unique<weir::trace>(ex, spans, weir::trace_options{.one_in = 1});
        watch.reset();
        ex.run(weir::yield());
        CHECK(spans->of(kind::run).size() == 3);
    }

    TEST_CASE("trace: one for each executor, and a file that can be opened") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        CHECK_THROWS_AS((weir::trace{ex, spans, {.one_in = 0}}), std::invalid_argument);
        const weir::trace first{ex, spans};
        CHECK_THROWS_AS((weir::trace{ex, spans}), std::logic_error);
        ex.run(weir::yield());
        CHECK_THROWS_AS(weir::trace_file{"/nonexistent/trace.json"}, std::system_error);
    }
}
