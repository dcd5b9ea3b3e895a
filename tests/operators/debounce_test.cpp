// SPDX-License-Identifier: MIT
#include <weir/operators/debounce.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
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

namespace {

/// Counts, a gap before each number; ends right after the last.
weir::async_stream<int> counting(int n, weir::duration gap) {
    for (int i = 0; i != n; ++i) {
        co_await weir::sleep_for(gap);
        co_yield i;
    }
}

} // namespace

TEST_SUITE("operators/debounce") {
    TEST_CASE("debounce emits an item that was followed by a pause") {
        marbles m;
        CHECK(m.play(m.hot("abc----de---|") | weir::debounce(2ms)) == "----c-----e-|");
    }

    TEST_CASE("debounce of 100 ms emits items 101 ms apart, and only the last of items 99 ms apart") {
        virtual_executor ex;
        numbers seen;
        std::vector<weir::duration> at;
        const auto note = [&](int i) {
            seen.push_back(i);
            at.push_back(ex.elapsed());
        };
        ex.run(counting(5, 99ms) | weir::debounce(100ms) | weir::for_each(note));
        CHECK(seen == numbers{4});
        CHECK(at.back() == 5 * 99ms); // at the end

        const auto paused = []() -> weir::async_stream<int> {
            for (int i = 0; i != 3; ++i) {
                co_yield i;
                co_await weir::sleep_for(99ms);
            }
            co_await weir::sleep_for(100ms);
            co_yield 3;
        };
        virtual_executor quiet;
        seen.clear();
        at.clear();
        quiet.run(paused() | weir::debounce(100ms) | weir::for_each([&](int i) {
                      seen.push_back(i);
                      at.push_back(quiet.elapsed());
                  }));
        CHECK(seen == numbers{2, 3});
        CHECK(at == std::vector<weir::duration>{2 * 99ms + 100ms, 3 * 99ms + 100ms});

        virtual_executor slower;
        seen.clear();
        slower.run(counting(5, 101ms) | weir::debounce(100ms) | weir::for_each([&](int i) { seen.push_back(i); }));
        CHECK(seen == numbers{0, 1, 2, 3, 4});
        CHECK(slower.elapsed() == 5 * 101ms);
    }

    TEST_CASE("debounce: a pause of 0 lets every item of a burst through") {
        marbles m;
        CHECK(m.play(m.hot("[abc]-d-[ef|]") | weir::debounce(0s)) == "[abc]-d-[ef|]");
        virtual_executor ex;
        int count = 0;
        ex.run(weir::iota(0, 5000) | weir::debounce(0s) | weir::for_each([&](int) { ++count; }));
        CHECK(count == 5000);
    }

    TEST_CASE("debounce emits the held item at the end and before an error") {
        marbles m;
        CHECK(m.play(m.hot("a-b-|") | weir::debounce(9ms)) == "----[b|]");
        marbles failing;
        CHECK(failing.play(failing.hot("a-b-#") | weir::debounce(9ms)) == "----[b#]");
        for (const char* empty : {"|", "#", "--|", "--#"}) {
            marbles nothing;
            CHECK(nothing.play(nothing.hot(empty) | weir::debounce(9ms)) == empty);
        }
    }

    TEST_CASE("debounce emits an item after max_wait even without a pause") {
        marbles m;
        CHECK(m.play(m.hot("abcdefghijkl----|") | weir::debounce(2ms, {.max_wait = 5ms})) == "-----e----j--l--|");
    }

    TEST_CASE("debounce by a function waits as long as it says for each item") {
        const auto letter = [](char c) { return (c - 'a') * 1ms; };
        marbles m;
        CHECK(m.play(m.hot("e-b--d--a-|") | weir::debounce(letter)) == "---b----[da]-|");
        CHECK(m.play(m.hot("zzz|") | weir::debounce(letter)) == "---[z|]");
        CHECK(m.play(m.hot("zyx------------|") | weir::debounce(letter, {.max_wait = 5ms})) == "-----x---------|");
        const auto fails = [](char c) { return c == 'c' ? throw std::runtime_error{"no"} : 9ms; };
        CHECK(m.play(m.hot("a-c...") | weir::debounce(fails)) == "--[a#]");
        CHECK(m.play(m.hot("a-c...") | weir::debounce([](char c) { return (c == 'c' ? -1 : 9) * 1ms; })) == "--[a#]");
        CHECK(check_contract([] { return weir::debounce([](int) { return 0ms; }); }, {.prefetch = 1}) == "");
        support::duration_drops_itself([](auto f) { return weir::debounce(f); });
    }

    TEST_CASE("debounce passes replaced items to on_drop") {
        marbles m;
        std::string dropped;
        CHECK(m.play(m.hot("abc----de---|") | weir::debounce(2ms, {}, [&](char c) { dropped += c; })) ==
              "----c-----e-|");
        CHECK(dropped == "abd");
    }

    TEST_CASE("debounce: a settled item waits for a busy consumer, and upstream is not polled meanwhile") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::debounce(10ms, {}, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        source.push(0);
        ex.advance(10ms);
        CHECK(sink.items() == numbers{0});
        source.push(1);
        ex.advance(5ms);
        source.push(2);
        ex.advance(1h);
        CHECK(dropped == numbers{1});
        source.push(3);
        source.push(4);
        ex.advance(1h);
        CHECK(source.taken() == 3);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 2});
        ex.advance(10ms);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 2, 4});
        CHECK(dropped == numbers{1, 3});
    }

    TEST_CASE("debounce does not poll upstream before its first poll") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::debounce(10ms)};
        ex.advance(1s);
        CHECK(source.polls() == 0);
    }

    TEST_CASE("debounce arms no timer per item") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::debounce(10ms)};
        sink.request();
        ex.run_ready();
        const auto turns = ex.stats().wakers_run;
        for (int i = 0; i != 1000; ++i) {
            source.push(i);
            ex.run_ready();
        }
        CHECK(ex.stats().wakers_run - turns == 1000);
        CHECK(ex.stats().timers_armed == 1);
    }

    TEST_CASE("debounce allocates nothing per item") {
        for (const auto d : {0ms, 1ms}) {
            CHECK(support::allocations_for_more_items([&](int n) {
                      virtual_executor ex;
                      ex.run(weir::iota(0, n) | weir::debounce(d) | weir::for_each([](int) {}));
                  }) == 0);
        }
    }

    TEST_CASE("debounce accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::debounce(0ms) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("debounce rejects negative times") {
        CHECK_THROWS_WITH_AS(weir::debounce(-1ms), "weir::debounce(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::debounce(1ms, {.max_wait = -1ms}),
                             "weir::debounce(d, {.max_wait}): max_wait is negative", std::invalid_argument);
    }

    TEST_CASE("debounce keeps the contract of a stream") {
        const contract_options eager{.prefetch = contract_options::any_number};
        CHECK(check_contract([] { return weir::debounce(1s); }, eager) == "");
        CHECK(check_contract([] { return weir::debounce(0s); }, eager) == "");
        CHECK(check_contract([] { return weir::debounce(2s, {.max_wait = 3s}); }, eager) == "");
    }
}
