// SPDX-License-Identifier: MIT
#include <weir/operators/take_until.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/timer.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::testing::asking;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

weir::task<> never() {
    for (;;) co_await weir::sleep_for(24h * 365);
}

} // namespace

TEST_SUITE("operators/take_until") {
    TEST_CASE("take_until emits items until the first item of the signal") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d--|") | weir::take_until(m.hot("-------s--"))) == "a--b--c|");
    }

    TEST_CASE("take_until emits items until the signal's operation has its result") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d--|") | weir::take_until(weir::sleep_for(4ms))) == "a--b|");
        marbles task;
        const auto answer = []() -> weir::task<int> {
            co_await weir::sleep_for(4ms);
            co_return 42;
        };
        CHECK(task.play(task.hot("a--b--c--d--|") | weir::take_until(answer())) == "a--b|");
    }

    TEST_CASE("take_until polls the signal first") {
        marbles m;
        CHECK(m.play(m.hot("a--b--|") | weir::take_until(m.hot("---s"))) == "a--|");
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        probe_sink sink{ex, source.stream() | weir::take_until(weir::timer(0s))};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.items().empty());
        CHECK(source.polls() == 0);
        CHECK(source.dropped());
    }

    TEST_CASE("take_until sees a signal before the next item of a source that is always ready") {
        virtual_executor ex;
        probe<int> signal;
        numbers seen;
        ex.run(weir::iota(0) | weir::take_until(signal.stream()) | weir::for_each([&](int i) {
                   seen.push_back(i);
                   if (i == 4) signal.push(0);
               }));
        CHECK(seen == numbers{0, 1, 2, 3, 4});
    }

    TEST_CASE("take_until: a source that is always ready does not keep a timer from ending it") {
        virtual_executor ex;
        auto work = ex.spawn(weir::iota(0) | weir::take_until(weir::sleep_for(0s)) | weir::for_each([](int) {}));
        for (int turns = 0; turns != 5; ++turns) ex.turn(ex.now());
        CHECK(work.finished());
    }

    TEST_CASE("take_until ends and fails with its upstream") {
        for (const char* diagram : {"|", "#", "a-b|", "a-b#", "[ab|]", "[ab#]"}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::take_until(m.hot("---------s"))) == diagram);
            marbles task;
            CHECK(task.play(task.hot(diagram) | weir::take_until(never())) == diagram);
            marbles token;
            std::stop_source stop;
            CHECK(token.play(token.hot(diagram) | weir::take_until(stop.get_token())) == diagram);
        }
    }

    TEST_CASE("take_until: an error of the signal fails the stream and drops upstream") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d--|") | weir::take_until(m.hot("----#"))) == "a--b#");
        virtual_executor ex;
        probe<int> source;
        probe<int> signal;
        probe_sink sink{ex, source.stream() | weir::take_until(signal.stream())};
        sink.request();
        ex.run_ready();
        signal.fail(std::make_exception_ptr(std::runtime_error{"no signal"}));
        ex.run_ready();
        CHECK(sink.error_message() == "no signal");
        CHECK(source.dropped());
    }

    TEST_CASE("take_until passes the whole stream if the signal is withdrawn before it arrives") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d--|") | weir::take_until(m.hot("----|"))) == "a--b--c--d--|");
        virtual_executor ex;
        probe<int> source;
        probe<int> signal;
        probe_sink sink{ex, source.stream() | weir::take_until(signal.stream())};
        sink.request();
        signal.end();
        ex.run_ready();
        CHECK(signal.dropped());
        CHECK_FALSE(sink.finished());
        marbles token;
        std::optional<std::stop_source> stop{std::in_place};
        auto stream = token.hot("a--b--|") | weir::take_until(stop->get_token());
        stop.reset();
        CHECK(token.play(std::move(stream)) == "a--b--|");
        marbles none;
        CHECK(none.play(none.hot("a--b--|") | weir::take_until(std::stop_token{})) == "a--b--|");
    }

    TEST_CASE("take_until drops upstream and the signal at its end and leaves no timer") {
        virtual_executor ex;
        probe<int> source;
        probe<int> signal;
        probe_sink sink{ex, source.stream() | weir::take_until(signal.stream())};
        sink.request();
        source.push(1);
        ex.run_ready();
        signal.push(0);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());

        probe<int> ending;
        probe_sink other{ex, ending.stream() | weir::take_until(weir::sleep_for(1h))};
        other.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
        ending.end();
        ex.run_ready();
        CHECK(other.ended());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("take_until: a consumer that waits on a silent source is woken exactly once when a stop is requested") {
        virtual_executor ex;
        probe<int> source;
        std::stop_source stop;
        probe_sink sink{ex, source.stream() | weir::take_until(stop.get_token())};
        sink.request();
        ex.run_ready();
        CHECK(sink.polls() == 1);
        stop.request_stop();
        ex.run_ready();
        CHECK(sink.polls() == 2);
        CHECK(sink.ended());
        CHECK(source.dropped());
    }

    TEST_CASE("take_until ends without polling upstream after a stop was requested") {
        virtual_executor ex;
        probe<int> source;
        std::stop_source stop;
        probe_sink sink{ex, source.stream() | weir::take_until(stop.get_token())};
        stop.request_stop();
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.polls() == 0);
    }

    TEST_CASE("take_until sees a stop request before the next item of a source that is always ready") {
        virtual_executor ex;
        std::stop_source stop;
        numbers seen;
        ex.run(weir::iota(0) | weir::take_until(stop.get_token()) | weir::for_each([&](int i) {
                   seen.push_back(i);
                   if (i == 4) stop.request_stop();
               }));
        CHECK(seen == numbers{0, 1, 2, 3, 4});
    }

    TEST_CASE("take_until is not woken by a stop after it was dropped") {
        virtual_executor ex;
        std::stop_source stop;
        {
            probe<int> source;
            probe_sink sink{ex, source.stream() | weir::take_until(stop.get_token())};
            sink.request();
            ex.run_ready();
        }
        stop.request_stop();
        ex.run_ready();
        CHECK(ex.idle());
    }

    TEST_CASE("take_until does not poll the signal for each item") {
        virtual_executor ex;
        probe<int> signal;
        int count = 0;
        ex.run(weir::iota(0, 5000) | weir::take_until(signal.stream()) | weir::for_each([&](int) { ++count; }));
        CHECK(count == 5000);
        CHECK(signal.polls() == 1);
    }

    TEST_CASE("take_until does not poll upstream when its signal has dropped the pipeline") {
        for (const auto how : {asking::one_by_one, asking::in_a_loop}) {
            virtual_executor ex;
            probe<int> source;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            const auto drops = [&]() -> weir::task<> {
                sink.reset();
                co_await weir::yield();
            };
            sink.emplace(ex, weir::async_stream<int>{source.stream() | weir::take_until(drops())}, how);
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            CHECK(source.polls() == 0);
            CHECK(source.dropped());
        }
    }

    TEST_CASE("take_until allocates nothing per item") {
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::take_until(weir::timer(1h)) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("take_until accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               weir::take_until(weir::timer(1h)) | weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("take_until keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::take_until(weir::sleep_for(24h)); }) == "");
        CHECK(check_contract([] { return weir::take_until(weir::timer(24h)); }) == "");
        CHECK(check_contract([] { return weir::take_until(weir::timer(15s)); }, {.settle = 10s}) == "");
        std::stop_source stop;
        CHECK(check_contract([&] { return weir::take_until(stop.get_token()); }) == "");
    }
}
