// SPDX-License-Identifier: MIT
#include <weir/operators/switch_map.hpp>

#include <doctest/doctest.h>

#include <map>
#include <memory>
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
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::numbers;
using weir::switch_map;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

namespace {

/// Writes down when it comes and goes.
struct logged {
    logged(std::string& log, char name) : log_{log}, name_{name} {
        log_ += '+';
        log_ += name_;
    }
    logged(const logged&) = delete;
    logged& operator=(const logged&) = delete;
    ~logged() {
        log_ += '-';
        log_ += name_;
    }

    std::string& log_;
    char name_;
};

} // namespace

TEST_SUITE("operators/switch_map") {
    TEST_CASE("switch_map: a new item of upstream replaces the inner stream") {
        marbles m;
        CHECK(m.play(m.hot("--a----b--------|") | switch_map([&m](char) { return m.cold("-1-2-3-4|"); })) ==
              "---1-2--1-2-3-4-|");
        CHECK(m.play(m.hot("a-b-c|") | switch_map([&m](char) { return m.cold("-x---y|"); })) == "-x-x-x---y|");
    }

    TEST_CASE("switch_map ends when upstream and the inner stream have ended") {
        marbles m;
        CHECK(m.play(m.hot("a|") | switch_map([&m](char) { return m.cold("1--2|"); })) == "1--2|");
        CHECK(m.play(m.hot("a----|") | switch_map([&m](char) { return m.cold("1-|"); })) == "1----|");
        CHECK(m.play(m.hot("--|") | switch_map([&m](char) { return m.cold("1-|"); })) == "--|");
        CHECK(m.play(m.hot("a-b|") | switch_map([](char) { return weir::empty<char>(); })) == "---|");
    }

    TEST_CASE("switch_map: an error of upstream replaces the inner stream too") {
        marbles m;
        CHECK(m.play(m.hot("a--#") | switch_map([&m](char) { return m.cold("-1--2-3|"); })) == "-1-#");
        CHECK(m.play(m.hot("a--#") | switch_map([&m](char) { return m.cold("-1-2-3|"); })) == "-1-[2#]");
    }

    TEST_CASE(
        "switch_map: an error of upstream passes no item that was ready before it, whatever the pace of the consumer") {
        for (int busy = 0; busy != 8; ++busy) {
            CAPTURE(busy);
            marbles m;
            const auto inner = [&m](char) { return m.hot("-12-----"); };
            CHECK(support::seen_when_busy(m, busy, m.hot("a--#") | switch_map(inner)) == "12#");
        }
    }

    TEST_CASE("switch_map: an error of an inner stream ends the stream and drops upstream at once") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | switch_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        CHECK(outer.waiting());
        inner.push(10);
        inner.fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{10});
        CHECK(sink.failed());
        CHECK(outer.dropped());
        CHECK(inner.dropped());
    }

    TEST_CASE("switch_map: an error of the second inner stream is delivered after the first one was cancelled") {
        virtual_executor ex;
        std::string log;
        probe<char> outer;
        const auto inner = [&log](char name) -> weir::async_stream<int> {
            const logged scope{log, name};
            co_yield name;
            if (name == 'b') throw std::runtime_error{"second"};
            co_await (weir::never<int>() | weir::for_each([](int) {}));
        };
        probe_sink sink{ex, outer.stream() | switch_map(inner)};
        sink.request();
        outer.push('a');
        ex.run_ready();
        outer.push('b');
        ex.run_ready();
        CHECK(sink.items() == numbers{'a', 'b'});
        CHECK(sink.error_message() == "second");
        CHECK(log == "+a-a+b-b");
    }

    TEST_CASE("switch_map drops the old inner stream before it creates the new one") {
        virtual_executor ex;
        probe<int> outer;
        std::vector<probe<int>> inners(3);
        bool in_order = true;
        probe_sink sink{ex, outer.stream() | switch_map([&](int i) {
                                if (i != 0) in_order = in_order && inners[static_cast<std::size_t>(i) - 1].dropped();
                                return inners[static_cast<std::size_t>(i)].stream();
                            })};
        sink.request();
        for (int i = 0; i != 3; ++i) {
            outer.push(i);
            ex.run_ready();
        }
        CHECK(in_order);
        CHECK_FALSE(inners[2].dropped());
    }

    TEST_CASE("switch_map: an exception from the function ends the stream and drops upstream at once") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | switch_map([&](int x) {
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

    TEST_CASE("switch_map creates the inner stream of every item, also of items that are ready at once") {
        marbles m;
        CHECK(m.play(m.hot("[abc]|") | switch_map([](char c) { return weir::just(c, c); })) == "[abcc]|");
        virtual_executor ex;
        int made = 0;
        probe_sink sink{ex, weir::iota(0) | switch_map([&](int x) {
                                ++made;
                                return weir::iota(x);
                            })};
        sink.request(5);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4});
        CHECK(made == 5);
    }

    TEST_CASE("switch_map does not poll a pending upstream again for each item of the inner stream") {
        virtual_executor ex;
        probe<int> outer;
        probe_sink sink{ex, outer.stream() | switch_map([](int x) { return weir::iota(0, x); })};
        sink.request();
        outer.push(1000);
        ex.run_ready();
        CHECK(sink.items().size() == 1000);
        CHECK(outer.polls() == 2);
    }

    TEST_CASE("switch_map replaces no inner stream while the consumer is busy") {
        virtual_executor ex;
        probe<int> outer;
        std::vector<probe<int>> inners(3);
        probe_sink sink{ex, outer.stream() |
                                switch_map([&](int i) { return inners[static_cast<std::size_t>(i)].stream(); })};
        sink.request(1);
        outer.push(0);
        inners[0].push(5);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{5});
        outer.push(1);
        outer.push(2);
        inners[0].push(6);
        ex.run_ready();
        CHECK(outer.taken() == 1);
        CHECK_FALSE(inners[0].dropped());
        sink.request(1);
        ex.run_ready();
        CHECK(outer.taken() == 3);
        CHECK(inners[0].dropped());
        CHECK(inners[1].dropped());
        CHECK(sink.items() == numbers{5});
        CHECK(inners[2].waiting());
    }

    TEST_CASE("switch_map drops the inner stream and upstream when it is dropped, also with a queued wake") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | switch_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        outer.push(2);
        inner.push(1);
        sink.drop();
        CHECK(outer.dropped());
        CHECK(inner.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("switch_map may be dropped by the inner stream and by upstream while that is polled") {
        support::drop_from_within([](auto s) {
            return weir::just(1) | switch_map([s = std::move(s)](int) mutable { return std::move(s); });
        });
        support::drop_from_within(
            [](auto s) { return std::move(s) | switch_map([](int x) { return weir::just(x); }); });
    }

    TEST_CASE("switch_map: the captures and the item of a coroutine lambda live as long as its stream") {
        virtual_executor ex;
        auto twice = [suffix = std::string(40, '!')](const std::string& word) -> weir::async_stream<std::string> {
            for (int i = 0; i != 2; ++i) {
                co_await weir::yield();
                co_yield word + suffix;
            }
        };
        probe_sink sink{ex, weir::just(std::string(40, 'a')) | switch_map(std::move(twice))};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(sink.items()[1] == std::string(40, 'a') + std::string(40, '!'));
    }

    TEST_CASE("switch_map keeps the contract of a stream") {
        CHECK(check_contract([] { return switch_map([](tracked x) { return weir::just(std::move(x)); }); }) == "");
        CHECK(check_contract([] { return switch_map([](tracked) { return weir::empty<tracked>(); }); }) == "");
        CHECK(check_contract([] { return switch_map([](tracked x) { return support::late_items{x, 2}; }); },
                             {.prefetch = 6}) == "");
        CHECK(check_contract([] { return switch_map([](tracked) { return weir::never<tracked>(); }); },
                             {.ends_with_upstream = false}) == "");
    }

    TEST_CASE("switch_map moves its items") {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        probe_sink sink{ex, weir::iota(0, 2) | weir::map(boxed) |
                                switch_map([](std::unique_ptr<int> x) { return weir::just(std::move(x)); })};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(*sink.items()[1] == 1);
    }

    TEST_CASE("switch_map allocates nothing per item or inner stream") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(support::late_items{3, n} | switch_map([](int x) { return support::late_items{x, 2}; }) |
                   weir::for_each([&](int x) { sum += x; }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("switch_map: an upstream that is always ready lets others run") {
        virtual_executor ex;
        auto handle =
            ex.spawn(weir::iota(0) | switch_map([](int) { return weir::never<int>(); }) | weir::for_each([](int) {}));
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
    }

    TEST_CASE("switch_map emits a prefix of each inner stream in order, and the whole of the last one") {
        std::mt19937 random{20240605};
        for (int round = 0; round != 300; ++round) {
            const auto lengths = support::random_numbers(random, 8, 0, 5);
            const bool late = round % 2 == 0;
            std::vector<std::pair<int, int>> items;
            for (std::size_t i = 0; i != lengths.size(); ++i) items.emplace_back(static_cast<int>(i), lengths[i]);
            const auto inner = [late](std::pair<int, int> item) -> weir::async_stream<int> {
                for (int i = 0; i != item.second; ++i) {
                    if (late) co_await weir::yield();
                    co_yield item.first * 10 + i;
                }
            };
            const auto out = support::arrive_at_random(random, items, switch_map(inner));
            std::map<int, int> seen;
            int last = -1;
            for (const int item : out) {
                CHECK(item / 10 >= last);
                last = item / 10;
                CHECK(seen[last]++ == item % 10);
            }
            if (!lengths.empty()) CHECK(seen[static_cast<int>(lengths.size()) - 1] == lengths.back());
        }
    }
}
