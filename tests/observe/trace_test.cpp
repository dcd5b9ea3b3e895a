// SPDX-License-Identifier: MIT
#include <weir/observe/trace.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/observe/metrics.hpp>
#include <weir/observe/run_watch.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/local.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
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
        std::uint64_t stage;
        std::uint64_t asked_by;
        std::string text;
        std::string locals;
    };

    explicit kept_spans(weir::time_point start) : start_{start} {}

    void receive(std::uint64_t track, const trace_span& span) noexcept override {
        tracks.push_back(track);
        all.push_back({span.what, std::string{span.name}, span.begin - start_, span.length, span.stage, span.asked_by,
                       std::string{span.text}, std::string{span.locals}});
    }
    std::vector<kept> of(kind what) const {
        std::vector<kept> found;
        for (const kept& one : all) {
            if (one.what == what) found.push_back(one);
        }
        return found;
    }

    /// "2s item ticks 0": the items, beginnings and ends, each with its time.
    std::vector<std::string> moments() const {
        std::vector<std::string> found;
        for (const kept& one : all) {
            const std::string when = std::to_string(std::chrono::round<std::chrono::milliseconds>(one.begin).count());
            if (one.what == kind::item) found.push_back(when + " item " + one.name + ' ' + one.text);
            if (one.what == kind::stage_begins) found.push_back(when + " begins " + one.name + ": " + one.text);
            if (one.what == kind::stage_ends) found.push_back(when + " ends " + one.name + ": " + one.text);
        }
        return found;
    }

    std::vector<kept> all;
    std::vector<std::uint64_t> tracks;

private:
    weir::time_point start_;
};

constinit weir::local<int> request{"request"};

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
        CHECK(runs[2].name.find("trace_test.cpp:90 awaits sleep_for") != std::string::npos);
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

    TEST_CASE("trace: each item of metered stages, and their beginning and end") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        const auto number = [](std::uint64_t i) { return std::to_string(i); };
        const auto checked = [](std::uint64_t i) {
            if (i == 2) throw std::runtime_error{"two"};
            return i;
        };
        {
            const weir::trace recorded{ex, spans, {.one_in = 1}};
            auto ticks = weir::interval(1s) | weir::take(5) | weir::meter("ticks", number);
            auto failing = std::move(ticks) | weir::map(checked) | weir::meter("checked") | weir::drain();
            CHECK_THROWS_AS(ex.run(std::move(failing)), std::runtime_error);
        }
        using texts = std::vector<std::string>;
        CHECK(spans->moments() == texts{"0 begins checked: map", "0 begins ticks: interval | take", "1000 item ticks 0",
                                        "1000 item checked ", "2000 item ticks 1", "2000 item checked ",
                                        "3000 item ticks 2", "3000 ends checked: failed: two",
                                        "3000 ends ticks: dropped"});
        const auto begun = spans->of(kind::stage_begins);
        CHECK(begun[0].asked_by == 0);
        CHECK(begun[1].asked_by == begun[0].stage);
        for (const auto& wait : spans->of(kind::stage)) {
            CHECK(wait.stage == begun[wait.name == "ticks" ? 1 : 0].stage);
        }
    }

    TEST_CASE("trace: items of a source that is always ready, one by one and in a loop") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        const weir::trace recorded{ex, spans, {.one_in = 1}};
        ex.run(weir::iota(0, 1000) | weir::meter("looped") | weir::drain());
        CHECK(spans->of(kind::item).size() == 1000);
        ex.run([]() -> weir::task<> {
            auto items = weir::iota(0, 1000) | weir::meter("single");
            while (co_await weir::next(items)) {}
        });
        CHECK(spans->of(kind::item).size() == 2000);
        CHECK(spans->of(kind::stage_ends).size() == 2);
        CHECK(weir::metered_stages(ex)[0].items == 1000);
    }

    TEST_CASE("trace: of a pipeline that runs before and after it") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        std::size_t texts = 0;
        const auto counted = [&](std::uint64_t) { return ++texts, std::string{"x"}; };
        const auto running = ex.spawn(weir::interval(1s) | weir::meter("ticks", counted) | weir::drain());
        ex.advance(2500ms);
        CHECK(texts == 0);
        {
            const weir::trace recorded{ex, spans, {.one_in = 1}};
            ex.advance(2s);
        }
        CHECK(spans->moments() ==
              std::vector<std::string>{"2500 begins ticks: interval", "3000 item ticks x", "4000 item ticks x"});
        const auto waits = spans->of(kind::stage);
        REQUIRE(waits.size() == 3); // the last has not ended
        CHECK(waits[0].begin == 2500ms);
        CHECK(waits[2].begin == 4s);
        CHECK(waits[2].length == 500ms);
        ex.advance(2s);
        CHECK(texts == 2);
        CHECK(spans->of(kind::item).size() == 2);
    }

    TEST_CASE("trace: the values of locals with runs, items and waits") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        const auto handle = []() -> weir::task<> {
            co_await weir::sleep_for(1s);
            co_await (weir::interval(1s) | weir::take(2) | weir::meter("ticks") | weir::drain());
        };
        {
            const weir::trace recorded{ex, spans, {.one_in = 1}};
            const auto first = ex.spawn(weir::with_local(request, 17, handle()));
            ex.advance(500ms);
            const auto second = ex.spawn(weir::with_local(request, 18, handle()));
            ex.advance(1700ms);
        }
        const auto items = spans->of(kind::item);
        REQUIRE(items.size() == 1);
        CHECK(items[0].locals == "request = 17");
        std::vector<std::string> begun, waited;
        for (const auto& one : spans->of(kind::stage_begins)) begun.push_back(one.locals);
        for (const auto& one : spans->of(kind::stage)) waited.push_back(one.locals);
        CHECK(begun == std::vector<std::string>{"request = 17", "request = 18"});
        CHECK(waited == std::vector<std::string>{"request = 17", "", ""}); // two still wait at the end of the trace
        std::size_t ran = 0;
        for (const auto& one : spans->of(kind::run)) ran += one.locals == "request = 17" ? 1 : 0;
        CHECK(ran != 0);
    }

    TEST_CASE("trace: a function for the text that throws changes nothing else") {
        virtual_executor ex;
        const auto spans = std::make_shared<kept_spans>(ex.now());
        const weir::trace recorded{ex, spans, {.one_in = 1}};
        const auto throws = [](int) -> std::string { throw std::runtime_error{"no text"}; };
        CHECK(ex.run(weir::iota(0, 3) | weir::meter("numbers", throws) | weir::count()) == 3);
        CHECK(spans->of(kind::item).size() == 3);
        CHECK(spans->of(kind::item)[0].text.empty());
    }

    TEST_CASE("trace_file reports the first write that fails") {
        std::vector<std::string> errors;
        const auto keep = [&](const std::system_error& e) {
            CHECK(e.code() == std::errc::no_space_on_device);
            errors.push_back(e.what());
        };
        {
            virtual_executor ex;
            const auto file = std::make_shared<weir::trace_file>("/dev/full", keep);
            const weir::trace recorded{ex, file, {.one_in = 1}};
            ex.run(weir::iota(0, 1000) | weir::meter("numbers") | weir::drain());
            CHECK(errors.size() == 1);
        }
        CHECK(errors == std::vector<std::string>{"weir::trace_file: write /dev/full: No space left on device"});
        errors.clear();
        weir::trace_file{"/dev/full", keep}; // what is written at the end
        CHECK(errors.size() == 1);
    }
}
