// SPDX-License-Identifier: MIT
#include <weir/operators/sample.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::testing::check_contract;
using weir::testing::contract_options;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/sample") {
    TEST_CASE("sample emits the newest item at each tick") {
        marbles m;
        CHECK(m.play(m.hot("-ab---c-----d|") | weir::sample(4ms)) == "----b---c---d|");
    }

    TEST_CASE("sample: a tick without a new item emits nothing") {
        marbles m;
        CHECK(m.play(m.hot("-a--------b----|") | weir::sample(3ms)) == "---a--------b--|");
    }

    TEST_CASE("sample does not make up for ticks without an item") {
        marbles m;
        CHECK(m.play(m.hot("----------ab---|") | weir::sample(4ms)) == "------------b--|");
    }

    TEST_CASE("sample emits the last item at the end and before an error") {
        marbles m;
        CHECK(m.play(m.hot("-ab-----c|") | weir::sample(4ms)) == "----b---c|");
        marbles held;
        CHECK(held.play(held.hot("ab-|") | weir::sample(9ms)) == "---[b|]");
        marbles failing;
        CHECK(failing.play(failing.hot("ab-#") | weir::sample(9ms)) == "---[b#]");
        for (const char* empty : {"|", "#", "--|", "--#"}) {
            marbles nothing;
            CHECK(nothing.play(nothing.hot(empty) | weir::sample(1ms)) == empty);
        }
    }

    TEST_CASE("sample of a signal emits the newest item when a signal arrives, and the last at the end") {
        const char* diagrams[][3] = {{"-ab---c-----d|", "---s-s-------|", "---b---------[d|]"},
                                     {"a---b--c-|", "s--[ss]-s|", "a----b---[c|]"},
                                     {"a---b--c-|", "--s--s--s...", "--a--b--c|"},
                                     {"ab-#", "...", "---[b#]"},
                                     {"ab...", "---#", "---[b#]"},
                                     {"|", "sss|", "|"},
                                     {"...", "s#", "-#"}};
        for (const auto [in, signal, out] : diagrams) {
            marbles m;
            CHECK(m.play(m.hot(in) | weir::sample(m.hot(signal))) == out);
        }
        virtual_executor ex;
        probe<int> source;
        probe<int> signal;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::sample(signal.stream(), [&](int x) { dropped.push_back(x); })};
        ex.run_ready();
        CHECK(source.polls() + signal.polls() == 0);
        sink.request(1);
        for (const int x : {1, 2, 3}) source.push(x);
        ex.run_ready();
        signal.push(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{3});
        CHECK(dropped == numbers{1, 2});
        sink.request();
        source.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(signal.dropped());
    }

    TEST_CASE("sample passes replaced items to on_drop") {
        marbles m;
        std::string dropped;
        m.play(m.hot("abcd-e---|") | weir::sample(3ms, [&](char c) { dropped += c; }));
        CHECK(dropped == "abc");
    }

    TEST_CASE("sample does not drift in a million seconds") {
        virtual_executor ex;
        std::vector<weir::duration> at;
        ex.run(weir::interval(300s) | weir::sample(1000s) | weir::take(1000) |
               weir::for_each([&](auto) { at.push_back(ex.elapsed()); }));
        REQUIRE(at.size() == 1000);
        bool on_time = true;
        for (std::size_t i = 0; i != at.size(); ++i) on_time = on_time && at[i] == 1000s * (i + 1);
        CHECK(on_time);
    }

    TEST_CASE("sample: a consumer that sleeps for 100 periods gets one item at once, and the next at a tick") {
        virtual_executor ex;
        std::vector<weir::duration> at;
        const auto sleeper = [&]() -> weir::task<> {
            auto sampled = weir::interval(3ms) | weir::sample(10ms);
            for (int i = 0; i != 5; ++i) {
                co_await weir::next(sampled);
                at.push_back(ex.elapsed());
                if (i == 1) co_await weir::sleep_for(1005ms);
            }
        };
        ex.run(sleeper());
        CHECK(at == std::vector<weir::duration>{10ms, 20ms, 1025ms, 1030ms, 1040ms});
    }

    TEST_CASE("sample: after a long stall the newest item is emitted at once and the next at its tick") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::sample(10ms, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        source.push(0);
        ex.advance(10ms);
        CHECK(sink.items() == numbers{0});
        for (int i = 1; i != 6; ++i) {
            source.push(i);
            ex.advance(9ms); // to 55
        }
        CHECK(dropped == numbers{1, 2, 3, 4});
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 5});
        source.push(6);
        ex.advance(4ms);
        CHECK(sink.items() == numbers{0, 5});
        ex.advance(1ms);
        CHECK(sink.items() == numbers{0, 5, 6});
    }

    TEST_CASE("sample arms no timer while nothing happens") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::sample(10ms)};
        sink.request();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 0);
        source.push(0);
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 1);
    }

    TEST_CASE("sample polls a source that is always ready without a pause and lets others run") {
        virtual_executor ex;
        probe_sink endless{ex, weir::iota(0) | weir::sample(1s)};
        endless.request();
        for (int turns = 0; turns != 5; ++turns) ex.turn(ex.now());
        endless.drop();
        numbers seen;
        ex.run(weir::iota(0, 5000) | weir::sample(1s) | weir::for_each([&](int i) { seen.push_back(i); }));
        CHECK(seen == numbers{4999});
    }

    TEST_CASE("sample allocates nothing per item") {
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::interval(1ms) | weir::take(static_cast<std::size_t>(n)) | weir::sample(3ms) |
                         weir::for_each([](auto) {}));
              }) == 0);
    }

    TEST_CASE("sample accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::sample(1ms) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 5);
    }

    TEST_CASE("sample rejects a period that is not positive") {
        CHECK_THROWS_WITH_AS(weir::sample(0s), "weir::sample(d): d must be more than zero", std::invalid_argument);
        CHECK_THROWS_AS(weir::sample(-1ms), std::invalid_argument);
    }

    TEST_CASE("sample keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::sample(1s); }, {.prefetch = contract_options::any_number}) == "");
    }
}
