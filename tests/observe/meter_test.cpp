// SPDX-License-Identifier: MIT
#include <weir/observe/meter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/metrics.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure;
using weir::metered_stages;
using weir::stage_metrics;
using weir::testing::virtual_executor;

namespace {

/// Each item takes so long to make.
weir::async_stream<int> every(weir::duration d, int n) {
    for (int i = 0; i != n; ++i) {
        co_await weir::sleep_for(d);
        co_yield i;
    }
}

/// The only metered stage.
stage_metrics only(weir::executor& ex) {
    const std::vector<stage_metrics> stages = metered_stages(ex);
    REQUIRE(stages.size() == 1);
    return stages.front();
}

} // namespace

TEST_SUITE("observe/meter") {
    TEST_CASE("meter passes on items, the end and errors") {
        for (const char* diagram : {"|", "#", "a-b-c|", "a-[bc]-#", "a-b..."}) {
            weir::testing::marbles m;
            CHECK(m.play(m.hot(diagram) | weir::meter("all")) == diagram);
        }
    }

    TEST_CASE("meter keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::meter("contract"); }) == "");
    }

    TEST_CASE("meter agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::meter("numbers")) == numbers);
        }
    }

    TEST_CASE("meter splits its time into waiting for upstream and not being asked") {
        virtual_executor ex;
        ex.run(every(10ms, 5) | weir::meter("made") | weir::for_each([](int) { return weir::sleep_for(30ms); }));
        CHECK(ex.elapsed() == 200ms);
        const stage_metrics made = only(ex);
        CHECK(made.name == "made");
        CHECK(made.started == 1);
        CHECK(made.items == 5);
        CHECK(made.ended == 1);
        CHECK(made.failed == 0);
        CHECK(made.cut_short == 0);
        CHECK(made.waited == 50ms);
        CHECK(made.unasked == 150ms);
    }

    TEST_CASE("meter: the times include the current state") {
        virtual_executor ex;
        const auto waiting = ex.spawn(weir::never<int>() | weir::meter("silent") | weir::drain());
        const auto busy =
            ex.spawn(weir::iota(0) | weir::meter("fast") | weir::for_each([](int) { return weir::sleep_for(1h); }));
        ex.advance(7ms);
        const std::vector<stage_metrics> stages = metered_stages(ex);
        REQUIRE(stages.size() == 2);
        CHECK(stages[0].name == "silent");
        CHECK(stages[0].waited == 7ms);
        CHECK(stages[0].unasked == 0ms);
        CHECK(stages[0].items == 0);
        CHECK(stages[1].name == "fast");
        CHECK(stages[1].waited == 0ms);
        CHECK(stages[1].unasked == 7ms);
        CHECK(stages[1].items == 1);
    }

    TEST_CASE("meter: a stage that was dropped is cut short, and its time stands still") {
        virtual_executor ex;
        {
            const auto ticks = ex.spawn(weir::interval(1s) | weir::meter("ticks") | weir::drain());
            ex.advance(3500ms);
        }
        ex.advance(1h);
        const stage_metrics ticks = only(ex);
        CHECK(ticks.items == 3);
        CHECK(ticks.cut_short == 1);
        CHECK(ticks.ended == 0);
        CHECK(ticks.waited == 3500ms);
        CHECK(ticks.unasked == 0ms);
    }

    TEST_CASE("meter adds up the stages of one name") {
        virtual_executor ex;
        const auto once = [] { return every(1s, 2) | weir::meter("twice"); };
        ex.run(weir::merge(once(), once()) | weir::drain());
        ex.run(once() | weir::drain());
        const stage_metrics twice = only(ex);
        CHECK(twice.started == 3);
        CHECK(twice.items == 6);
        CHECK(twice.ended == 3);
        CHECK(twice.waited == 6s);
        CHECK(metered_stages(ex).size() == 1);
    }

    TEST_CASE("meter counts for the executor that polls it") {
        virtual_executor one;
        virtual_executor other;
        one.run(weir::iota(0, 3) | weir::meter("numbers") | weir::drain());
        other.run(weir::iota(0, 4) | weir::meter("numbers") | weir::drain());
        CHECK(only(one).items == 3);
        CHECK(only(other).items == 4);
    }

    TEST_CASE("meter counts an error of upstream, and no error of the consumer") {
        virtual_executor ex;
        CHECK_THROWS_AS(ex.run(weir::fail<int>(failure()) | weir::meter("upstream") | weir::drain()),
                        std::runtime_error);
        CHECK(only(ex).failed == 1);
        CHECK(only(ex).cut_short == 0);
        CHECK(only(ex).error_rate() == 1);

        virtual_executor other;
        const auto refuse_one = [](int x) {
            if (x == 1) std::rethrow_exception(failure());
        };
        CHECK_THROWS_AS(other.run(weir::iota(0, 3) | weir::meter("consumer") | weir::for_each(refuse_one)),
                        std::runtime_error);
        CHECK(only(other).items == 2);
        CHECK(only(other).failed == 0);
        CHECK(only(other).cut_short == 1);
        CHECK(only(other).error_rate() == 0);
    }

    TEST_CASE("error_rate is the share of the ended stages that failed") {
        virtual_executor ex;
        for (int i = 0; i != 3; ++i) ex.run(weir::just(1) | weir::meter("mixed") | weir::drain());
        CHECK_THROWS_AS(ex.run(weir::fail<int>(failure()) | weir::meter("mixed") | weir::drain()), std::runtime_error);
        CHECK(only(ex).error_rate() == 0.25);
    }

    TEST_CASE("meter counts the items of an abandoned next once") {
        virtual_executor ex;
        auto items = every(2s, 1) | weir::meter("late");
        CHECK_THROWS_AS(ex.run(weir::with_timeout(1s, weir::next(items))), weir::timed_out);
        CHECK(ex.run(weir::next(items)) == 0);
        CHECK(only(ex).items == 1);
        CHECK(only(ex).waited == 2s);
    }

    TEST_CASE("meter may be destroyed after its executor") {
        auto ex = std::make_unique<virtual_executor>();
        auto items = std::make_unique<weir::async_stream<int>>(weir::never<int>() | weir::meter("orphan"));
        CHECK_THROWS_AS(ex->run(weir::with_timeout(1s, weir::next(*items))), weir::timed_out);
        ex.reset();
        items.reset(); // a sanitizer would see a use of the executor
    }

    TEST_CASE("meter samples how long a poll of upstream takes") {
        virtual_executor ex;
        const auto busy = [](int x) {
            for (const auto end = std::chrono::steady_clock::now() + 2us; std::chrono::steady_clock::now() < end;) {}
            return x;
        };
        auto items = weir::iota(0) | weir::map(busy) | weir::meter("busy");
        const auto ask = [&](int n) -> weir::task<> {
            for (int i = 0; i != n; ++i) co_await weir::next(items);
        };
        ex.run(ask(256));
        CHECK(only(ex).sampled_poll == 0ns);
        ex.run(ask(1));
        CHECK(only(ex).sampled_poll >= 2us);
        CHECK(only(ex).items == 257);
    }

    TEST_CASE("meter rejects an empty name") {
        CHECK_THROWS_WITH_AS(weir::meter(""), "weir::meter(name): name is empty", std::invalid_argument);
    }

    TEST_CASE("metered_stages is empty without a meter") {
        virtual_executor ex;
        ex.run(weir::iota(0, 3) | weir::drain());
        CHECK(metered_stages(ex).empty());
        const auto unpolled = weir::iota(0, 3) | weir::meter("never polled");
        CHECK(metered_stages(ex).empty());
    }

    TEST_CASE("meter allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::meter("numbers") | weir::drain());
              }) == 0);
    }
}
