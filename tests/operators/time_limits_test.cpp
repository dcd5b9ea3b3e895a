// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/delay_start.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/skip_for.hpp>
#include <weir/operators/skip_until.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_for.hpp>
#include <weir/operators/timeout_first.hpp>
#include <weir/operators/timeout_total.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace std::chrono_literals;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// The error of a stream that never has an item.
template <class Operator>
std::string error_of_silence(Operator op) {
    virtual_executor ex;
    probe<int> source;
    auto pipeline = source.stream() | std::move(op) | weir::drain();
    const auto end = [&](auto& stuck) -> weir::task<std::string> {
        try {
            co_await stuck;
        } catch (const weir::timed_out& e) {
            if (!source.dropped()) co_return "upstream is there";
            co_return e.what();
        }
        co_return "none";
    };
    return ex.run(end(pipeline));
}

} // namespace

TEST_SUITE("operators/time_limits") {
    TEST_CASE("take_for ends and skip_for starts at a time from the first poll") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("a--b--c--d|") | weir::take_for(m.ticks(5))) == "a--b-|");
        CHECK(m.play(m.hot("a-|") | weir::take_for(m.ticks(5))) == "a-|");
        CHECK(m.play(m.hot("a-#") | weir::take_for(m.ticks(5))) == "a-#");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_for(m.ticks(5))) == "------c--d|");
        CHECK(m.play(m.hot("a-|") | weir::skip_for(m.ticks(5))) == "--|");
        CHECK(m.play(m.hot("a-#") | weir::skip_for(m.ticks(5))) == "--#");
        CHECK(m.play(m.hot("a--b|") | weir::take_for(0ms)) == "[a|]");
    }

    TEST_CASE("timeout_first limits the wait for the first item only, and timeout_total the whole stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("--a------b|") | weir::timeout_first(m.ticks(3))) == "--a------b|");
        CHECK(m.play(m.hot("-----a---b|") | weir::timeout_first(m.ticks(3))) == "---#");
        CHECK(m.play(m.hot("--|") | weir::timeout_first(m.ticks(3))) == "--|");
        CHECK(m.play(m.hot("---a|") | weir::timeout_first(m.ticks(3))) == "---a|");
        CHECK(m.play(m.hot("-#") | weir::timeout_first(m.ticks(3))) == "-#");
        CHECK(m.play(m.hot("a--b--c--d--e|") | weir::timeout_total(m.ticks(7))) == "a--b--c#");
        CHECK(m.play(m.hot("a--b|") | weir::timeout_total(m.ticks(7))) == "a--b|");
        CHECK(m.play(m.hot("-#") | weir::timeout_total(m.ticks(7))) == "-#");
    }

    TEST_CASE("a time limit says which it is, when upstream is destroyed") {
        CHECK(error_of_silence(weir::timeout_first(5ms)) == "weir::timeout_first: no item within 5ms");
        CHECK(error_of_silence(weir::timeout_total(5ms)) == "weir::timeout_total: the stream has not ended within 5ms");
    }

    TEST_CASE("timeout_first counts only while the consumer waits, and leaves no timer") {
        virtual_executor ex;
        probe<int> source;
        weir::testing::probe_sink sink{ex, source.stream() | weir::timeout_first(3ms)};
        ex.advance(10ms);
        sink.request(1);
        ex.run_ready();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK(ex.stats().timers_armed == 0);
        sink.request(1);
        ex.advance(1min);
        CHECK_FALSE(sink.failed());
    }

    TEST_CASE("skip_until passes the items after a signal: an item, the end, or the result of an operation") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----s-t|"))) == "------c--d|");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----|"))) == "------c--d|");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----#"))) == "----#");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(weir::sleep_for(m.ticks(4)))) == "------c--d|");
        CHECK(m.play(m.hot("a--b|") | weir::skip_until(weir::never<int>())) == "----|");
        CHECK(m.play(m.hot("a-#") | weir::skip_until(weir::never<int>())) == "--#");
        CHECK(m.play(m.cold("abc|") | weir::skip_until(weir::just(1))) == "abc|");
        CHECK(m.play(weir::iota(1, 3) | weir::skip_until(weir::empty<int>())) == "[12|]");
    }

    TEST_CASE("skip_until destroys its signal when it has arrived, and yields while it skips items that are ready") {
        virtual_executor ex;
        probe<int> signal;
        weir::testing::probe_sink sink{ex, weir::iota(0) | weir::skip_until(signal.stream()) | weir::take(1)};
        sink.request(2);
        CHECK_FALSE(signal.dropped());
        ex.post([&] { signal.push(1); });
        ex.run(weir::sleep_for(0ms));
        ex.run_ready();
        CHECK(signal.dropped());
        CHECK(sink.ended());
        CHECK(sink.items().size() == 1);
    }

    TEST_CASE("delay_start polls upstream after a time or an operation, and fails with the operation") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("a-b|") | weir::delay_start(m.ticks(3))) == "---a-b|");
        CHECK(m.play(m.cold("a-#") | weir::delay_start(weir::sleep_for(m.ticks(3)))) == "---a-#");
        const auto fails = []() -> weir::task<> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"operation"};
        };
        virtual_executor ex;
        probe<int> source;
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::delay_start(fails()) | weir::drain()), "operation");
        CHECK(source.polls() == 0);
    }

    TEST_CASE("time limits of items keep the contract of a stream") {
        using weir::testing::check_contract;
        CHECK(check_contract([] { return weir::take_for(1h); }) == "");
        CHECK(check_contract([] { return weir::timeout_first(1h); }) == "");
        CHECK(check_contract([] { return weir::timeout_total(1h); }) == "");
        CHECK(check_contract([] { return weir::skip_until(weir::just(1)); }) == "");
        CHECK(check_contract([] { return weir::skip_until(weir::never<int>()); },
                             {.prefetch = weir::testing::contract_options::any_number}) == "");
        CHECK(check_contract([] { return weir::delay_start(weir::yield()); }) == "");
        CHECK(check_contract([] { return weir::delay_start(1ms); }) == "");
    }

    TEST_CASE("time limits of items allocate nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::take_for(1h) | weir::timeout_first(1h) | weir::timeout_total(1h) |
                         weir::delay_start(1ms) | weir::skip_until(weir::never<int>()) | weir::drain());
                  ex.run(weir::iota(0, n) | weir::skip_for(0ms) | weir::drain());
              }) == 0);
    }

    TEST_CASE("a negative duration is refused when the pipeline is built") {
        CHECK_THROWS_WITH_AS(weir::take_for(-1ms), "weir::take_for(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::skip_for(-1ms), "weir::skip_for(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::timeout_first(-1ms), "weir::timeout_first(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::timeout_total(-1ms), "weir::timeout_total(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::delay_start(-1ms), "weir::delay_start(d): d is negative", std::invalid_argument);
    }
}
