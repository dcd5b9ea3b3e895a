// SPDX-License-Identifier: MIT
#include <weir/operators/merge.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <all_items.hpp>
#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <many_probes.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::all_items;
using support::failure;
using support::many_probes;
using support::numbers;
using support::seen_when_busy;
using weir::merge;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/merge") {
    TEST_CASE("merge emits items in order of arrival") {
        marbles m;
        CHECK(m.play(merge(m.hot("a-c-e-g-|"), m.hot("-b-d-f-h|"))) == "abcdefgh|");
    }

    TEST_CASE("merge: streams of several types are merged") {
        marbles m;
        const auto same = weir::map([](char c) { return c; });
        CHECK(m.play(merge(m.hot("a--d--|"), m.hot("-b--e|") | same, m.hot("--c-----f|") | same | same,
                           weir::empty<char>())) == "abcde---f|");
    }

    TEST_CASE("merge: a range of streams is merged") {
        marbles m;
        std::vector<weir::testing::marble_stream<char>> streams;
        for (const char* diagram : {"a---e|", "-b-d|", "--c--f|"}) streams.push_back(m.hot(diagram));
        CHECK(m.play(merge(std::move(streams))) == "abcdef|");

        const std::vector copyable(3, weir::iota(0, 2));
        CHECK(all_items(merge(copyable)) == numbers{0, 0, 0, 1, 1, 1});
    }

    TEST_CASE("merge: an empty range of streams ends at once") {
        CHECK(all_items(merge(std::vector<weir::async_stream<int>>{})).empty());
    }

    TEST_CASE("merge of one stream passes on its items, end and errors") {
        for (const char* diagram : {"|", "#", "a-b-c|", "a-[bc]-#", "a-b..."}) {
            marbles m;
            CHECK(m.play(merge(m.hot(diagram))) == diagram);
        }
    }

    TEST_CASE("merge polls ready streams in turns") {
        CHECK(all_items(merge(weir::iota(0, 4), weir::iota(10, 12), weir::iota(20, 23))) ==
              numbers{0, 10, 20, 1, 11, 21, 2, 22, 3});
    }

    TEST_CASE("merge ends when the last stream ends, and drops each when it ends") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, merge(a.stream(), b.stream())};
        sink.request();
        ex.run_ready();
        a.end();
        ex.run_ready();
        CHECK(a.dropped());
        CHECK_FALSE(sink.finished());
        b.push(1);
        b.end();
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.ended());
    }

    TEST_CASE("merge: the first error stops the others") {
        marbles m;
        CHECK(m.play(merge(m.hot("a--#"), m.hot("-b---c|"))) == "ab-#");

        virtual_executor ex;
        many_probes many{5};
        probe_sink sink{ex, merge(many.streams())};
        sink.request();
        ex.run_ready();
        many.sources[3].fail(failure());
        ex.run_ready();
        CHECK(sink.error_message() == "failed");
        for (const auto& source : many.sources) CHECK(source.dropped());
    }

    TEST_CASE("merge: items that were ready before an error are delivered before it") {
        virtual_executor ex;
        many_probes many{4};
        probe_sink sink{ex, merge(many.streams())};
        sink.request(1);
        ex.run_ready();
        many.sources[0].push(0);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{0});
        // The consumer is busy.
        many.sources[2].push(2);
        many.sources[1].push(1);
        ex.run_ready();
        many.sources[3].fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 2, 1});
        CHECK(sink.error_message() == "failed");
    }

    TEST_CASE("merge: no error and no end overtakes an item that was ready before it, at any pace of the consumer") {
        const auto no_x = weir::filter([](char c) { return c != 'x'; });
        for (int busy = 0; busy != 10; ++busy) {
            CAPTURE(busy);
            marbles m;
            CHECK(seen_when_busy(m, busy, merge(m.hot("-ab------"), m.hot("---#"))) == "ab#");
            CHECK(seen_when_busy(m, busy, merge(m.hot("---#"), m.hot("-ab------"))) == "ab#");
            CHECK(seen_when_busy(m, busy, merge({.eager_complete = true}, m.hot("-ab"), m.hot("---|"))) == "ab|");
            CHECK(seen_when_busy(m, busy, merge(m.hot("[ab]---"), m.hot("#"))) == "ab#");
            // One wakes before the other, for nothing.
            CHECK(seen_when_busy(m, busy, merge(m.hot("a--b-----"), m.hot("-x--#") | no_x)) == "ab#");
            CHECK(seen_when_busy(m, busy, merge(m.hot("a--b|"), m.hot("-x--c|") | no_x)) == "abc|");
        }
    }

    TEST_CASE("merge does not poll a stream for the first time after another has failed") {
        virtual_executor ex;
        probe<int> b;
        probe_sink sink{ex, merge(weir::fail<int>(std::runtime_error{"failed"}), b.stream())};
        sink.request();
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(b.polls() == 0);
        CHECK(b.dropped());
    }

    TEST_CASE("merge emits items in the order of their readiness, before a later error, at any pace of the consumer") {
        std::mt19937 random{20240604};
        for (int round = 0; round != 300; ++round) {
            marbles m;
            // Each stream has one item, or fails, in a tick of its own.
            std::string order = "abcdef#ghi";
            std::shuffle(order.begin(), order.end(), random);
            std::vector<std::size_t> turns(order.size());
            std::iota(turns.begin(), turns.end(), 0);
            std::shuffle(turns.begin(), turns.end(), random);
            std::vector<weir::testing::marble_stream<char>> streams;
            for (const std::size_t tick : turns) streams.push_back(m.hot(std::string(tick + 1, '-') + order[tick]));
            const int busy = static_cast<int>(random() % 12);
            CHECK(seen_when_busy(m, busy, merge(std::move(streams))) == order.substr(0, order.find('#') + 1));
        }
    }

    TEST_CASE(
        "merge: a stream that is known to have an item goes before one that may have ended or failed since its last") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, merge(a.stream(), b.stream())};
        sink.request(1);
        a.push(1);
        ex.run_ready();
        sink.request(1);
        ex.run_ready();
        a.push(2);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{1, 2});
        b.push(3);
        ex.run_ready();
        a.fail(failure());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2, 3});
        CHECK(sink.failed());
    }

    TEST_CASE("merge: no stream waits forever while others wake repeatedly") {
        virtual_executor ex;
        many_probes many{5};
        probe_sink sink{ex, merge(many.streams())};
        for (int turn = 0; turn != 100; ++turn) {
            for (std::size_t i = 0; i != 5; ++i) many.sources[i].push(static_cast<int>(i));
            sink.request(1);
            ex.run_ready();
        }
        REQUIRE(sink.items().size() == 100);
        for (auto& source : many.sources) {
            CHECK(source.taken() >= 18);
            CHECK(source.taken() <= 22);
        }
    }

    TEST_CASE("merge: an error may wait until the others have ended") {
        marbles m;
        m.error('X', std::runtime_error{"first"});
        m.error('Y', std::runtime_error{"second"});
        CHECK(m.play(merge({.delay_error = true}, m.hot("a-X"), m.hot("-b--Y"), m.hot("---d-e|"))) == "ab-d-eX");
        CHECK(m.play(merge({.delay_error = true}, weir::fail<char>(std::runtime_error{"first"}), m.hot("a|"))) == "aX");
    }

    TEST_CASE("merge: the end of one stream may end the others") {
        marbles m;
        CHECK(m.play(merge({.eager_complete = true}, m.hot("a--c|"), m.hot("-b---d-e"))) == "ab-c|");
        CHECK(m.play(merge({.eager_complete = true}, m.hot("a--c---d|"), m.hot("-b-#"))) == "ab-[c#]");
        CHECK(m.play(merge({.delay_error = true, .eager_complete = true}, m.hot("-#"), m.hot("a--b|"), m.hot("..."))) ==
              "a--b#");
    }

    TEST_CASE("merge resumes a slow stream no more often than needed after one that is always ready has ended") {
        virtual_executor ex;
        probe<int> slow;
        probe_sink sink{ex, merge(weir::iota(0, 3), slow.stream())};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(slow.polls() == 1);
        for (int i = 0; i != 3; ++i) {
            slow.push(10 + i);
            ex.run_ready();
        }
        CHECK(slow.polls() == 1 + 2 * 3); // an item and a pending each
        CHECK_FALSE(sink.finished());
        slow.end();
        ex.run_ready();
        CHECK(slow.polls() == 1 + 2 * 3 + 1);
        CHECK(sink.ended());
    }

    TEST_CASE("merge: ten or more pending children that were not woken are not resumed, however many there are") {
        virtual_executor ex;
        many_probes many{50};
        probe_sink sink{ex, merge(many.streams())};
        sink.request();
        ex.run_ready();
        for (int i = 0; i != 10; ++i) {
            many.sources[7].push(i);
            ex.run_ready();
        }
        CHECK(sink.items().size() == 10);
        for (std::size_t i = 0; i != many.sources.size(); ++i) CHECK(many.sources[i].polls() == (i == 7 ? 21 : 1));
    }

    TEST_CASE(
        "merge: while the consumer is busy one item of each stream is taken, and generators run on to their next") {
        virtual_executor ex;
        int made = 0;
        const auto generator = [&made](int first) -> weir::async_stream<int> {
            for (int i = 0;; ++i) {
                co_await weir::sleep_for(std::chrono::milliseconds{1});
                ++made;
                co_yield first + i;
            }
        };
        probe_sink sink{ex, merge(generator(0), generator(100))};
        sink.request(1);
        ex.advance(std::chrono::milliseconds{10});
        CHECK(sink.items() == numbers{0});
        CHECK(made == 3);
        probe<int> a;
        probe<int> b;
        probe_sink both{ex, merge(a.stream(), b.stream())};
        both.request(1);
        ex.run_ready();
        a.push(1);
        ex.run_ready();
        for (int i = 2; i != 5; ++i) {
            a.push(i);
            b.push(10 + i);
        }
        ex.run_ready();
        CHECK(a.taken() == 2);
        CHECK(b.taken() == 1);
    }

    TEST_CASE("merge: each child is destroyed when it is dropped half-way, with a wake-up still queued too") {
        virtual_executor ex;
        many_probes many{10};
        probe_sink sink{ex, merge(many.streams())};
        sink.request();
        ex.run_ready();
        many.sources[1].push(1); // the child's waker is queued
        sink.drop();
        for (const auto& source : many.sources) CHECK(source.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("merge: an error of a stream at its first poll is delivered") {
        marbles m;
        CHECK(m.play(merge(weir::fail<char>(weir::testing::marble_error{}), m.hot("a|"))) == "#");
        CHECK(m.play(merge(m.hot("a|"), weir::fail<char>(weir::testing::marble_error{}))) == "[a#]");
    }

    TEST_CASE("merge may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return merge(std::move(s), weir::never<int>()); });
        support::drop_from_within([](auto s) { return merge(weir::never<int>(), std::move(s)); });
        support::drop_from_within([](auto s) { return merge(merge(std::move(s), weir::just(1)), weir::just(2)); });
    }

    TEST_CASE("merge that another operation took over belongs to that one, at each level") {
        virtual_executor ex;
        probe<int> source;
        std::weak_ptr<int> held; // by the owner
        bool held_after_drop = false;
        std::optional<weir::join_handle<weir::task<>>> owner;
        const auto drop_at_7 = [&](int x) {
            if (x == 7) owner.reset();
            held_after_drop = !held.expired();
            return x;
        };
        auto inner = merge(source.stream() | weir::map(drop_at_7), weir::never<int>());
        auto merged = std::make_unique<weir::async_stream<int>>(merge(std::move(inner), weir::never<int>()));

        const auto takes_one = [](weir::async_stream<int>& from) -> weir::task<> {
            CHECK(co_await weir::next(from) == 1);
            co_await weir::sleep_for(1h);
        };
        const auto takes_over = [&](std::unique_ptr<weir::async_stream<int>> own) -> weir::task<> {
            const auto local = std::make_shared<int>(0);
            held = local;
            CHECK(co_await weir::next(*own) == 5);
            co_await weir::sleep_for(1h);
        };
        const auto first = ex.spawn(takes_one(*merged));
        ex.run_ready();
        source.push(1);
        ex.run_ready();
        owner.emplace(ex.spawn(takes_over(std::move(merged))));
        ex.run_ready();
        source.push(5);
        ex.run_ready();
        source.push(6); // which the outer merge holds, so that the inner one asks for the next by itself
        ex.run_ready();
        source.push(7);
        ex.run_ready();
        CHECK(held_after_drop); // the owner's stream was on the stack
        CHECK(held.expired());
    }

    TEST_CASE("merge: a wake after the streams were dropped has no effect") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, merge(a.stream(), b.stream())};
        sink.request(1);
        ex.run_ready();
        a.push(1);
        ex.run_ready();
        a.fail(failure());
        sink.request(1); // queued before the waker of b
        b.push(1);
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(b.dropped());
    }

    TEST_CASE("merge keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return merge(std::move(s), weir::empty<tracked>()); }}; },
                             {.prefetch = 1}) == "");
        CHECK(check_contract([] { return closure{[](auto s) { return merge(std::move(s)); }}; }, {.prefetch = 1}) ==
              "");
        CHECK(check_contract(
                  [] {
                      return closure{[]<class S>(S s) {
                          std::vector<S> one;
                          one.push_back(std::move(s));
                          return merge(std::move(one));
                      }};
                  },
                  {.prefetch = 1}) == "");
        CHECK(check_contract([] { return closure{[](auto s) { return merge(weir::never<tracked>(), std::move(s)); }}; },
                             {.prefetch = 1, .ends_with_upstream = false}) == "");
        CHECK(check_contract(
                  [] {
                      return closure{
                          [](auto s) { return merge({.delay_error = true}, weir::empty<tracked>(), std::move(s)); }};
                  },
                  {.prefetch = 1}) == "");
    }

    TEST_CASE("merge moves its items") {
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        virtual_executor ex;
        probe_sink sink{ex, merge(weir::iota(0, 2) | boxed, weir::iota(5, 6) | boxed)};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        CHECK(*sink.items()[1] == 5);
    }

    TEST_CASE("merge allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            std::vector<weir::async_stream<int>> streams;
            for (int i = 0; i != 4; ++i) {
                streams.push_back([](int last) -> weir::async_stream<int> {
                    for (int k = 0; k != last; ++k) {
                        if (k % 3 == 0) co_await weir::yield();
                        co_yield k;
                    }
                }(n));
            }
            ex.run(merge(merge(std::move(streams)), weir::iota(0, n)) | weir::for_each([&](int x) { sum += x; }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("merge of a range of ready streams does not grow the stack and lets others run") {
        virtual_executor ex;
        std::size_t seen = 0;
        std::vector<weir::empty_stream<int>> streams(100'000);
        auto handle = ex.spawn(merge(std::move(streams)) | weir::for_each([&](int) { ++seen; }));
        ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
        ex.run_ready();
        CHECK(handle.finished());
        ex.run(merge(weir::iota(0, 1'000'000), weir::iota(0, 1'000'000)) | weir::for_each([&](int) { ++seen; }));
        CHECK(seen == 2'000'000);
    }

    TEST_CASE("merge emits every item once, in the order of its stream") {
        std::mt19937 random{20240601};
        for (int round = 0; round != 300; ++round) {
            many_probes many{1 + random() % 6};
            virtual_executor ex;
            probe_sink sink{ex, merge(many.streams())};
            std::vector<int> pushed(many.sources.size());
            for (int step = 0; step != 60; ++step) {
                const std::size_t i = random() % many.sources.size();
                many.sources[i].push(static_cast<int>(i) * 1000 + pushed[i]++);
                if (random() % 3 == 0) sink.request(random() % 4);
                if (random() % 3 == 0) ex.run_ready();
            }
            for (auto& source : many.sources) source.end();
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            std::vector<int> seen(many.sources.size());
            for (const int item : sink.items()) {
                CHECK(item % 1000 == seen[static_cast<std::size_t>(item / 1000)]++);
            }
            CHECK(seen == pushed);
            for (const auto& source : many.sources) CHECK_FALSE(source.polled_after_end());
        }
    }
}
