// SPDX-License-Identifier: MIT
#include <weir/operators/flat_map.hpp>

#include <doctest/doctest.h>

#include <algorithm>
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
#include <running_scopes.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
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

using support::failure;
using support::numbers;
using support::seen_when_busy;
using weir::flat_map;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

namespace {

/// An upstream of numbers, and the streams that are made of them, each in the hands of the test.
struct nursery {
    explicit nursery(std::size_t inner_count = 10) : inners(inner_count) {}

    auto flattened(int n) {
        return outer.stream() | flat_map(n, [this](int i) {
                   ++made;
                   return inners[static_cast<std::size_t>(i)].stream();
               });
    }
    void push_outer(int count) {
        for (int i = 0; i != count; ++i) outer.push(i);
    }
    std::size_t running() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(inners, [](const auto& p) { return p.polls() != 0 && !p.dropped(); }));
    }

    probe<int> outer;
    std::vector<probe<int>> inners;
    int made = 0;
};

} // namespace

TEST_SUITE("operators/flat_map") {
    TEST_CASE("flat_map emits the items of all inner streams as they arrive") {
        marbles m;
        const auto inner = [&m](char) { return m.cold("1-2---3|"); };
        CHECK(m.play(m.hot("--a--b------|") | flat_map(2, inner)) == "--1-21-23--3|");
        CHECK(m.play(m.hot("--a--b|") | flat_map(1, inner)) == "--1-2---31-2---3|");
    }

    TEST_CASE("flat_map rejects n less than 1") {
        CHECK_THROWS_WITH_AS(flat_map(0, [](int x) { return weir::just(x); }),
                             "weir::flat_map(n, f): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(flat_map(-1, [](int x) { return weir::just(x); }), std::invalid_argument);
        CHECK_NOTHROW(flat_map(1u, [](int x) { return weir::just(x); }));
    }

    TEST_CASE("flat_map ends when upstream and all inner streams have ended") {
        marbles m;
        CHECK(m.play(m.hot("|") | flat_map(2, [](char) { return weir::never<char>(); })) == "|");
        CHECK(m.play(m.hot("a---|") | flat_map(2, [](char) { return weir::empty<char>(); })) == "----|");
        CHECK(m.play(m.hot("a|") | flat_map(2, [&m](char) { return m.cold("---1-|"); })) == "---1-|");
    }

    TEST_CASE("flat_map with 4 streams accepts the fifth when one has ended, and emits items as they are ready") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(4)};
        sink.request();
        n.push_outer(10);
        ex.run_ready();
        CHECK(n.made == 4);
        CHECK(n.outer.taken() == 4);
        n.inners[3].push(30);
        n.inners[1].push(10);
        n.inners[2].push(20);
        ex.run_ready();
        CHECK(sink.items() == numbers{30, 10, 20});
        CHECK(n.made == 4);
        n.inners[2].end();
        ex.run_ready();
        CHECK(n.made == 5);
        CHECK(n.inners[2].dropped());
        CHECK(n.inners[4].waiting());
    }

    TEST_CASE("flat_map of 2 starts exactly two of 100 endless streams, and a drop ends both") {
        virtual_executor ex;
        nursery n{100};
        probe_sink sink{ex, n.flattened(2)};
        n.push_outer(100);
        sink.request();
        ex.run_ready();
        CHECK(n.made == 2);
        CHECK(n.running() == 2);
        sink.drop();
        CHECK(n.running() == 0);
        CHECK(n.outer.dropped());
    }

    TEST_CASE("flat_map: take(2) below it stops the source before that emits its last item") {
        virtual_executor ex;
        int emitted = 0;
        const auto source = [&emitted]() -> weir::async_stream<int> {
            for (int i = 0; i != 5; ++i) {
                co_yield i;
                ++emitted;
            }
        };
        probe_sink sink{ex, source() | flat_map(2, [](int x) { return weir::just(x); }) | weir::take(2)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.ended());
        CHECK(emitted < 4);
    }

    TEST_CASE("flat_map lets inner streams run ahead by one item each while the consumer is busy") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(2)};
        sink.request(1);
        n.push_outer(10);
        n.inners[0].push(0);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{0});
        // The consumer is busy from here on.
        CHECK(n.made == 2);
        CHECK(n.inners[0].waiting()); // asked for its next
        CHECK(n.inners[1].waiting());
        n.inners[0].end();
        ex.run_ready();
        CHECK(n.made == 3);
        n.inners[1].push(10);
        n.inners[1].push(11);
        n.inners[2].end();
        ex.run_ready();
        CHECK(n.made == 4);
        CHECK(n.inners[1].taken() == 1); // held
        n.inners[3].push(30);
        n.inners[3].end();
        ex.run_ready();
        CHECK(n.made == 4); // two streams hold an item each
        CHECK(sink.items() == numbers{0});
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 10, 30});
        CHECK(n.made == 5);
    }

    TEST_CASE("flat_map: while the consumer is busy after an item that was ready, upstream is asked up to n") {
        virtual_executor ex;
        nursery n;
        n.push_outer(10);
        for (auto& inner : n.inners) inner.push(7);
        probe_sink sink{ex, n.flattened(3)};
        ex.run_ready();
        CHECK(n.outer.polls() == 0); // nothing before the first poll
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{7});
        CHECK(n.made == 3);
        CHECK(n.inners[1].taken() == 1);
        CHECK(n.inners[2].taken() == 1);
    }

    TEST_CASE("flat_map accepts late items of upstream while the consumer is busy") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(3)};
        sink.request(1);
        n.push_outer(1);
        n.inners[0].push(1);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{1});
        n.outer.push(1);
        ex.run_ready();
        n.outer.push(2);
        ex.run_ready();
        n.outer.push(3);
        ex.run_ready();
        CHECK(n.made == 3);
        CHECK(n.outer.taken() == 3);
        CHECK_FALSE(n.outer.waiting());
    }

    TEST_CASE("flat_map: an error of upstream follows the items of the running inner streams") {
        marbles m;
        CHECK(m.play(m.hot("ab-#") | flat_map(2, [&m](char) { return m.cold("1--2--3|"); })) == "11-22-33#");

        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(3)};
        sink.request();
        n.push_outer(2);
        n.outer.fail(failure());
        ex.run_ready();
        CHECK(n.outer.dropped());
        CHECK_FALSE(sink.failed());
        n.inners[1].push(10);
        n.inners[1].end();
        ex.run_ready();
        n.inners[0].push(1);
        n.inners[0].end();
        ex.run_ready();
        CHECK(sink.items() == numbers{10, 1});
        CHECK(sink.failed());
    }

    TEST_CASE("flat_map: the failure of one inner stream cancels upstream and all other inner streams") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(4)};
        sink.request();
        n.push_outer(10);
        ex.run_ready();
        n.inners[2].fail(failure());
        ex.run_ready();
        CHECK(sink.error_message() == "failed");
        CHECK(n.running() == 0);
        CHECK(n.outer.dropped());
        CHECK(n.made == 4);
    }

    TEST_CASE("flat_map: an error of an inner stream cancels at once and is delivered after the held items") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(4)};
        sink.request(1);
        n.push_outer(10);
        n.inners[0].push(0);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{0});
        n.inners[3].push(30);
        n.inners[3].push(31);
        n.inners[1].push(10);
        ex.run_ready();
        n.inners[2].fail(failure());
        ex.run_ready();
        CHECK(n.running() == 0); // with the consumer busy
        CHECK(n.outer.dropped());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 30, 10});
        CHECK(sink.failed());
        CHECK(n.made == 4);
    }

    TEST_CASE("flat_map: an error overtakes no item that was ready before it, at any pace of the consumer") {
        const auto streams = [](auto& m, auto... diagrams) {
            std::vector<weir::testing::marble_stream<char>> made;
            (made.push_back(m.hot(diagrams)), ...);
            return made;
        };
        for (int busy = 0; busy != 10; ++busy) {
            CAPTURE(busy);
            marbles m;
            const auto seen = [&](std::vector<weir::testing::marble_stream<char>> inners) {
                const auto inner = [&](int i) { return std::move(inners[static_cast<std::size_t>(i)]); };
                return seen_when_busy(m, busy, weir::iota(0, static_cast<int>(inners.size())) | flat_map(4, inner));
            };
            CHECK(seen(streams(m, "-ab------", "---#")) == "ab#");
            CHECK(seen(streams(m, "---#", "-ab------")) == "ab#");
            CHECK(seen(streams(m, "-a--c----", "--b-----", "------#")) == "abc#");
        }
    }

    TEST_CASE("flat_map polls an inner stream once more whose item was taken when another one failed") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(4)};
        sink.request(1);
        n.push_outer(2);
        ex.run_ready();
        n.inners[0].push(0);
        ex.run_ready();
        n.inners[0].push(1);
        ex.run_ready(); // held
        n.inners[0].push(2);
        sink.request(1); // the consumer runs, then the child that fails, then the driver
        n.inners[1].fail(failure());
        ex.run_ready();
        CHECK(n.outer.dropped());
        CHECK(n.running() == 0);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.failed());
    }

    TEST_CASE("flat_map: an error may wait until upstream and the others have ended") {
        marbles m;
        m.error('X', std::runtime_error{"first"});
        m.error('Y', std::runtime_error{"second"});
        const auto late = [&](char c) {
            if (c == 'f') throw std::runtime_error{"second"};
            return m.cold(c == 'a' ? "1-X" : c == 'b' ? "2----Y" : "3--4-----5|");
        };
        CHECK(m.play(m.hot("ab-cf-|") | flat_map(4, late, {.delay_error = true})) == "12-3--4-----5X");
        CHECK(m.play(m.hot("ab-c-Y") | flat_map(2, late, {.delay_error = true})) == "12-3--4-----5X");
        CHECK(m.play(m.hot("ab-cf-|") | flat_map(4, late)) == "12X");
    }

    TEST_CASE("flat_map: an exception from the function is an error of its inner stream") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | flat_map(2, [&](int x) {
                                if (x == 2) throw std::runtime_error{"no stream for 2"};
                                return inner.stream();
                            })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        outer.push(2);
        ex.run_ready();
        CHECK(sink.error_message() == "no stream for 2");
        CHECK(inner.dropped());
        CHECK(outer.dropped());
    }

    TEST_CASE("flat_map: when a consumer that was woken fails, no item is lost: a later one collects the rest") {
        virtual_executor ex;
        nursery n;
        auto flat = n.flattened(3);
        numbers items;
        bool sound = false;
        const auto consumer = [&]() -> weir::task<> {
            while (auto item = co_await weir::next(flat)) {
                items.push_back(*item);
                // Its own wake goes wrong: it fails where it would ask again.
                co_await weir::yield();
                if (!sound) throw std::runtime_error{"consumer"};
            }
        };
        {
            auto first = ex.spawn(consumer());
            ex.run_ready();
            n.push_outer(3);
            n.inners[0].push(1);
            ex.run_ready();
            CHECK(first.finished());
            for (std::size_t i = 0; i != 3; ++i) {
                n.inners[i].push(10 + static_cast<int>(i));
                n.inners[i].end();
            }
            n.outer.end();
            ex.run_ready();
        }
        {
            // Woken, and gone before it ran.
            auto second = ex.spawn(consumer());
        }
        sound = true;
        ex.run(consumer());
        std::ranges::sort(items);
        CHECK(items == numbers{1, 10, 11, 12});
    }

    TEST_CASE(
        "flat_map: ten or more pending inner streams that were not woken are not polled, however many there are") {
        virtual_executor ex;
        nursery n{50};
        probe_sink sink{ex, n.flattened(50)};
        sink.request();
        n.push_outer(50);
        ex.run_ready();
        for (int i = 0; i != 10; ++i) {
            n.inners[7].push(i);
            ex.run_ready();
        }
        CHECK(sink.items().size() == 10);
        for (std::size_t i = 0; i != n.inners.size(); ++i) CHECK(n.inners[i].polls() == (i == 7 ? 21 : 1));
        CHECK(n.outer.polls() == 50);
    }

    TEST_CASE("flat_map polls ready inner streams in turns") {
        virtual_executor ex;
        probe_sink sink{ex, weir::just(1, 2, 3) | flat_map(3, [](int x) { return weir::iota(10 * x, 10 * x + 3); })};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.items() == numbers{10, 20, 30, 11, 21, 31, 12, 22, 32});
    }

    TEST_CASE("flat_map: each inner stream is destroyed when it is dropped half-way, with a wake-up still queued too") {
        virtual_executor ex;
        nursery n;
        probe_sink sink{ex, n.flattened(3)};
        sink.request(1);
        n.push_outer(5);
        ex.run_ready();
        n.inners[0].push(0);
        n.inners[1].push(1);
        ex.run_ready(); // 1 is held
        n.inners[2].push(2);
        n.outer.push(5);
        sink.drop();
        CHECK(n.running() == 0);
        CHECK(n.outer.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("flat_map may be dropped by an inner stream, upstream and its function during any poll") {
        for (const bool busy : {false, true}) {
            for (const char who : {'i', 'u', 'f'}) {
                CAPTURE(busy);
                CAPTURE(who);
                virtual_executor ex;
                probe<int> start;
                std::optional<probe_sink<weir::async_stream<int>>> sink;
                const auto source = [&]() -> weir::async_stream<int> {
                    co_yield 0;
                    co_await weir::yield();
                    if (who == 'u' && !busy) co_return;
                    if (who == 'u') sink.reset();
                    co_yield 1;
                };
                const auto inner = [&](int x) -> weir::async_stream<int> {
                    co_yield x;
                    if (x == 1 && who == 'i') {
                        co_await weir::yield();
                        sink.reset();
                    }
                    co_await weir::yield();
                    co_yield x;
                };
                auto make = [&, inner](int x) {
                    if (x == 1 && who == 'f') sink.reset();
                    return inner(x) | weir::map([](int y) { return y; });
                };
                sink.emplace(ex, weir::async_stream<int>{source() | flat_map(2, make)});
                sink->request(busy ? 1 : probe_sink<weir::async_stream<int>>::unlimited);
                ex.run_ready();
                if (sink) sink->request();
                ex.run_ready();
                if (who != 'u' || busy) CHECK_FALSE(sink);
            }
        }
    }

    TEST_CASE("flat_map may be dropped by an inner stream that is polled when it was woken") {
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<int>>> sink;
        const auto make = [&sink](int x) {
            return support::late_items{x, 2} | weir::map([&sink, calls = 0](int y) mutable {
                       if (++calls == 2) sink.reset();
                       return y;
                   });
        };
        sink.emplace(ex, weir::async_stream<int>{weir::just(1) | flat_map(2, make)});
        sink->request(1);
        ex.run_ready();
        CHECK_FALSE(sink);
    }

    TEST_CASE(
        "flat_map: within another driver it may be dropped by upstream and by an inner stream while that is polled") {
        support::drop_from_within(
            [](auto s) { return std::move(s) | flat_map(2, [](int x) { return weir::just(x); }); });
        support::drop_from_within([](auto s) {
            return weir::just(1) | flat_map(2, [s = std::move(s)](int) mutable { return std::move(s); });
        });
    }

    TEST_CASE("flat_map: the captures and the item of a coroutine lambda live as long as its stream") {
        virtual_executor ex;
        auto twice = [suffix = std::string(40, '!')](const std::string& word) -> weir::async_stream<std::string> {
            for (int i = 0; i != 2; ++i) {
                co_await weir::yield();
                co_yield word + suffix;
            }
        };
        const auto word = weir::map([](int x) { return std::string(40, static_cast<char>('a' + x)); });
        probe_sink sink{ex, weir::iota(0, 5) | word | flat_map(2, std::move(twice))};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        REQUIRE(sink.items().size() == 10);
        CHECK(sink.items()[9] == std::string(40, 'e') + std::string(40, '!'));
    }

    TEST_CASE("flat_map: empty inner streams without end let others run") {
        virtual_executor ex;
        auto handle =
            ex.spawn(weir::iota(0) | flat_map(8, [](int) { return weir::empty<int>(); }) | weir::for_each([](int) {}));
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
    }

    TEST_CASE("flat_map keeps the contract of a stream") {
        for (const int n : {1, 2, 5}) {
            const std::size_t ahead = static_cast<std::size_t>(n);
            CHECK(check_contract([&] { return flat_map(n, [](tracked x) { return weir::just(std::move(x)); }); },
                                 {.prefetch = ahead}) == "");
            CHECK(check_contract([&] { return flat_map(n, [](tracked x) { return support::late_items{x, 2}; }); },
                                 {.prefetch = ahead}) == "");
            CHECK(check_contract([&] { return flat_map(n, [](tracked) { return weir::empty<tracked>(); }); }) == "");
        }
        CHECK(check_contract([] { return flat_map(10, [](tracked) { return weir::never<tracked>(); }); },
                             {.passes_errors = false, .ends_with_upstream = false}) == "");
    }

    TEST_CASE("flat_map moves its items") {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        probe_sink sink{ex, weir::iota(0, 2) | weir::map(boxed) |
                                flat_map(2, [](std::unique_ptr<int> x) { return weir::just(std::move(x)); })};
        sink.request(1);
        ex.run_ready(); // the second is held
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(*sink.items()[1] == 1);
    }

    TEST_CASE("flat_map allocates nothing per item or inner stream") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(weir::iota(0, n) | flat_map(16, [](int x) { return support::late_items{x, x % 3}; }) |
                   weir::for_each([&](int x) { sum += x; }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("flat_map: ready inner streams do not grow the stack") {
        virtual_executor ex;
        int seen = 0;
        ex.run(weir::iota(0, 200'000) | flat_map(8, [](int x) { return weir::iota(x, x + x % 4); }) |
               weir::for_each([&](int) { ++seen; }));
        CHECK(seen == 300'000);
    }

    TEST_CASE("flat_map emits every item once, in the order of its stream, with at most n streams at a time") {
        std::mt19937 random{20240606};
        for (int round = 0; round != 400; ++round) {
            const auto lengths = support::random_numbers(random, 12, 0, 5);
            const int limit = 1 + static_cast<int>(random() % 4);
            const bool late = round % 2 == 0;
            std::vector<std::pair<int, int>> items;
            for (std::size_t i = 0; i != lengths.size(); ++i) items.emplace_back(static_cast<int>(i), lengths[i]);
            support::running_scopes running;
            const auto inner = [&](std::pair<int, int> item) -> weir::async_stream<int> {
                const auto scope = running.enter();
                for (int i = 0; i != item.second; ++i) {
                    if (late && i % 2 == 0) co_await weir::yield();
                    co_yield item.first * 10 + i;
                }
            };
            const auto out = support::arrive_at_random(random, items, flat_map(limit, inner));
            numbers seen(lengths.size());
            for (const int item : out) CHECK(item % 10 == seen[static_cast<std::size_t>(item / 10)]++);
            CHECK(seen == lengths);
            CHECK(running.most() <= limit);
        }
    }
}
