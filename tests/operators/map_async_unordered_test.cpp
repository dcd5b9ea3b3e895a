// SPDX-License-Identifier: MIT
#include <weir/operators/map_async_unordered.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::failure;
using support::numbers;
using weir::map_async_unordered;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

namespace {

/// An upstream of numbers, and the operations that are made of them, each in the hands of the test.
struct workshop {
    auto mapped(int n) {
        return source.stream() | map_async_unordered(n, [this](int i) {
                   ++made;
                   return work[static_cast<std::size_t>(i)].operation();
               });
    }
    void push_items(int count) {
        for (int i = 0; i != count; ++i) source.push(i);
    }
    std::size_t running() const {
        return static_cast<std::size_t>(std::ranges::count_if(work, [](const auto& w) { return w.running(); }));
    }

    probe<int> source;
    std::vector<support::manual<int>> work{10};
    int made = 0;
};

weir::task<char> after(weir::duration d, char c) {
    co_await weir::sleep_for(d);
    co_return c;
}

} // namespace

TEST_SUITE("operators/map_async_unordered") {
    TEST_CASE("results come out as they complete") {
        marbles m;
        const auto work = [&m](int n) { return after(m.ticks(n), static_cast<char>('0' + n)); };
        CHECK(m.play(m.hot<int>("--4-1---5-----|") | map_async_unordered(2, work)) == "-----14------5|");
        CHECK(m.play(m.hot<int>("731|") | map_async_unordered(3, work)) == "---13--[7|]");
    }

    TEST_CASE("with concurrency 4 the fifth operation is started only after one of the four has completed, and results "
              "appear in completion order") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(4)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        CHECK(w.made == 4);
        CHECK(w.source.taken() == 4);
        w.work[2].complete(2);
        ex.run_ready();
        CHECK(w.made == 5);
        w.work[4].complete(4);
        w.work[0].complete(0);
        w.work[3].complete(3);
        ex.run_ready();
        CHECK(sink.items() == numbers{2, 4, 0, 3});
        CHECK(w.made == 8);
    }

    TEST_CASE("n is at least 1") {
        const auto f = [](int x) { return support::one_turn{x}; };
        CHECK_THROWS_WITH_AS(map_async_unordered(0, f), "weir::map_async_unordered(n, f): n must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(map_async_unordered(-1, f), std::invalid_argument);
        CHECK_NOTHROW(map_async_unordered(1ull, f));
    }

    TEST_CASE("it ends when upstream has and the last result was delivered") {
        marbles m;
        CHECK(m.play(m.hot("|") | map_async_unordered(2, [&m](char c) { return after(m.ticks(1), c); })) == "|");
        CHECK(m.play(m.hot("a|") | map_async_unordered(2, [&m](char c) { return after(m.ticks(4), c); })) ==
              "----[a|]");
    }

    TEST_CASE("after the only result was delivered the end follows without waiting") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(2)};
        sink.request(1);
        w.push_items(1);
        w.source.end();
        w.work[0].complete(5);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{5});
        const std::size_t before = sink.polls();
        sink.request(1);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.polls() == before + 1);
    }

    TEST_CASE("nothing is started before the first poll, and never more than n are in flight or wait for delivery") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(3)};
        w.push_items(10);
        ex.run_ready();
        CHECK(w.made == 0);
        CHECK(w.source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(w.made == 3);
        CHECK(w.source.taken() == 3);
        w.work[1].complete(1);
        w.work[2].complete(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(w.made == 4);
        w.work[0].complete(0);
        w.work[3].complete(3);
        ex.run_ready();
        CHECK(w.made == 4); // three wait
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(w.made == 5);
    }

    TEST_CASE("with the consumer busy what was started goes on to its end, and upstream is asked up to n") {
        virtual_executor ex;
        probe<int> source;
        numbers finished;
        const auto work = [&](int x) -> weir::task<int> {
            for (int i = 0; i != 3; ++i) co_await weir::sleep_for(1ms);
            finished.push_back(x);
            co_return x;
        };
        probe_sink sink{ex, source.stream() | map_async_unordered(3, work)};
        sink.request(1);
        source.push(0);
        ex.advance(10ms);
        REQUIRE(sink.items() == numbers{0});
        // The consumer is busy from here on.
        for (int i = 1; i != 6; ++i) {
            source.push(i);
            ex.advance(10ms);
        }
        CHECK(finished == numbers{0, 1, 2, 3});
        CHECK(source.taken() == 4);
        CHECK(sink.items() == numbers{0});
        sink.request(3);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3}); // at once
    }

    TEST_CASE("with the consumer busy after a result that was ready, upstream is asked up to n") {
        virtual_executor ex;
        workshop w;
        w.push_items(10);
        for (auto& each : w.work) each.complete(7);
        probe_sink sink{ex, w.mapped(4)};
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{7});
        CHECK(w.made == 5); // one was delivered, four wait
        CHECK(w.work[4].taken());
    }

    TEST_CASE(
        "a failed first result reaches the consumer while the source is still blocked producing its second item") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(4)};
        sink.request();
        w.push_items(1);
        ex.run_ready();
        CHECK(w.source.waiting());
        w.work[0].fail(failure());
        ex.run_ready();
        CHECK(sink.error_message() == "failed");
        CHECK(w.source.dropped());
    }

    TEST_CASE(
        "a failed operation cancels the others and upstream at once, and what was complete comes before its error") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(5)};
        sink.request(1);
        w.push_items(10);
        w.work[0].complete(0);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{0});
        w.work[4].complete(4);
        w.work[1].complete(1);
        ex.run_ready();
        w.work[2].fail(failure());
        ex.run_ready();
        CHECK(w.running() == 0); // with the consumer busy
        CHECK(w.source.dropped());
        CHECK_FALSE(sink.failed());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 4, 1});
        CHECK(sink.error_message() == "failed");
        CHECK(w.made == 6);
    }

    TEST_CASE("of two errors the one that came first is delivered") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(5)};
        sink.request();
        w.push_items(4);
        ex.run_ready();
        w.work[3].fail(failure("first"));
        w.work[1].fail(failure("second"));
        ex.run_ready();
        CHECK(sink.error_message() == "first");
        CHECK_FALSE(w.work[1].taken());
    }

    TEST_CASE("an error of upstream comes after the results of what was in flight") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(5)};
        sink.request();
        w.push_items(2);
        w.source.fail(failure("upstream"));
        ex.run_ready();
        CHECK(w.source.dropped());
        CHECK_FALSE(sink.failed());
        w.work[1].complete(1);
        ex.run_ready();
        CHECK_FALSE(sink.failed());
        w.work[0].complete(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 0});
        CHECK(sink.error_message() == "upstream");
    }

    TEST_CASE("a function that throws is a failure of its operation") {
        virtual_executor ex;
        probe<int> source;
        support::manual<int> first;
        probe_sink sink{ex, source.stream() | map_async_unordered(3, [&](int x) {
                                if (x == 1) throw std::runtime_error{"nothing for 1"};
                                return first.operation();
                            })};
        sink.request();
        source.push(0);
        source.push(1);
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(first.dropped());
        CHECK(sink.error_message() == "nothing for 1");
    }

    TEST_CASE("an operation that fails with the consumer busy is delivered when it asks") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(2)};
        sink.request(1);
        w.push_items(3);
        w.work[0].complete(0);
        ex.run_ready();
        w.work[1].complete(1);
        w.work[2].fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.failed());
    }

    TEST_CASE("only what woke is polled") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(10)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        for (std::size_t i = 9; i != 0; --i) {
            w.work[i].complete(1);
            ex.run_ready();
        }
        CHECK(w.work[0].polls() == 1);
        CHECK(w.source.polls() == 11);
    }

    TEST_CASE("each operation is destroyed when it is dropped half-way, with a wake-up still queued too") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(3)};
        sink.request();
        w.push_items(5);
        ex.run_ready();
        w.work[1].complete(1);
        ex.run_ready(); // held
        w.work[2].complete(2);
        sink.drop();
        CHECK(w.running() == 0);
        CHECK(w.source.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("it may be dropped by one of its operations while that is polled, by the driver or by the consumer") {
        for (const bool busy : {false, true}) {
            for (const int turns : {0, 1}) {
                CAPTURE(busy);
                CAPTURE(turns);
                virtual_executor ex;
                std::optional<weir::join_handle<weir::task<>>> handle;
                const auto work = [&](int x) -> weir::task<int> {
                    if (x == 3) {
                        for (int i = 0; i != turns; ++i) co_await weir::yield();
                        handle.reset();
                    }
                    co_await weir::yield();
                    co_return x;
                };
                const auto body = [&]() -> weir::task<> {
                    co_await (weir::iota(0) | map_async_unordered(2, work) | weir::for_each([&](int) -> weir::task<> {
                                  if (busy) co_await weir::sleep_for(1ms);
                              }));
                };
                handle.emplace(ex.spawn(body()));
                ex.advance(10ms);
                CHECK_FALSE(handle);
            }
        }
    }

    TEST_CASE("what a coroutine lambda captures, and the item it refers to, live as long as its operation") {
        virtual_executor ex;
        auto exclaim = [suffix = std::string(40, '!')](const std::string& word) -> weir::task<std::string> {
            co_await weir::yield();
            co_return word + suffix;
        };
        const auto word = weir::map([](int x) { return std::string(40, static_cast<char>('a' + x)); });
        probe_sink sink{ex, weir::iota(0, 5) | word | map_async_unordered(2, std::move(exclaim))};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 5);
        CHECK(sink.items()[4] == std::string(40, 'e') + std::string(40, '!'));
    }

    TEST_CASE("operations without a result give units") {
        virtual_executor ex;
        numbers seen;
        probe_sink sink{ex, weir::iota(0, 3) | map_async_unordered(2, [&](int x) -> weir::task<> {
                                co_await weir::yield();
                                seen.push_back(x);
                            })};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector<weir::unit>(3));
        CHECK(seen == numbers{0, 1, 2});
    }

    TEST_CASE("it keeps the contract") {
        for (const int n : {1, 2, 5}) {
            const std::size_t ahead = static_cast<std::size_t>(n);
            CHECK(check_contract([&] { return map_async_unordered(n, [](tracked x) { return support::one_turn{x}; }); },
                                 {.prefetch = ahead}) == "");
            CHECK(check_contract(
                      [&] { return map_async_unordered(n, [](tracked x) -> weir::task<tracked> { co_return x; }); },
                      {.prefetch = ahead, .copies = 1}) == "");
            CHECK(check_contract(
                      [&] { return map_async_unordered(n, [](tracked x) { return weir::sleep_for(int{x} * 1ms); }); },
                      {.prefetch = ahead}) == "");
        }
    }

    TEST_CASE("it moves its items and results") {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        probe_sink sink{ex, weir::iota(0, 3) | weir::map(boxed) |
                                map_async_unordered(2, [](std::unique_ptr<int> x) -> weir::task<std::unique_ptr<int>> {
                                    co_return x;
                                })};
        sink.request(1);
        ex.run_ready();
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        CHECK(*sink.items()[2] == 2);
    }

    TEST_CASE("it allocates nothing an item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(weir::iota(0, n) | map_async_unordered(16, [](int x) { return support::one_turn{x}; }) |
                   weir::for_each([&](int x) { sum += x; }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("operations that are ready do not grow the stack") {
        virtual_executor ex;
        int seen = 0;
        ex.run(weir::iota(0, 200'000) | map_async_unordered(8, [](int x) -> weir::task<int> { co_return x; }) |
               weir::for_each([&](int) { ++seen; }));
        CHECK(seen == 200'000);
    }

    TEST_CASE("whatever the order of arrival and of completion, all results come out once, with at most n in flight") {
        std::mt19937 random{20240608};
        for (int round = 0; round != 400; ++round) {
            const auto items = support::random_numbers(random, 15, 0, 5);
            const int limit = 1 + static_cast<int>(random() % 5);
            int running = 0;
            int most = 0;
            const auto work = [&](int turns) -> weir::task<int> {
                most = std::max(most, ++running);
                for (int i = 0; i != turns; ++i) co_await weir::yield();
                --running;
                co_return turns * 3;
            };
            auto results = support::arrive_at_random(random, items, map_async_unordered(limit, work));
            CHECK(most <= limit);
            numbers expected;
            for (const int x : items) expected.push_back(x * 3);
            CHECK(std::ranges::is_permutation(results, expected));
        }
    }
}
