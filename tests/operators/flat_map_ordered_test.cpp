// SPDX-License-Identifier: MIT
#include <weir/operators/flat_map_ordered.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
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
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::numbers;
using weir::flat_map_ordered;
using namespace weir::testing;

namespace {

/// An upstream of the numbers from 0, and the streams that are made of them, each in the hands of the test.
struct nursery {
    explicit nursery(int count) : inners(static_cast<std::size_t>(count)) {
        for (int i = 0; i != count; ++i) outer.push(i);
    }

    auto flattened(int n) {
        return outer.stream() |
               flat_map_ordered(n, [this](int i) { return inners[static_cast<std::size_t>(i)].stream(); });
    }

    probe<int> outer;
    std::vector<probe<int>> inners;
};

} // namespace

TEST_SUITE("operators/flat_map_ordered") {
    TEST_CASE("flat_map_ordered emits the items of streams that run at the same time in the order of the streams") {
        marbles m;
        const auto inner = [&m](char) { return m.cold("------1-2-3|"); };
        CHECK(m.play(m.hot("ab-----|") | flat_map_ordered(2, inner)) == "------1-2-3[123]|");
        CHECK(m.play(m.hot("ab--|") | flat_map_ordered(1, inner)) == "------1-2-3------1-2-3|");
        CHECK(m.play(m.hot("|") | flat_map_ordered(2, inner)) == "|");
        CHECK(m.play(m.hot("a--|") | flat_map_ordered(2, [](char) { return weir::empty<char>(); })) == "---|");
        CHECK(m.play(m.hot("abc|") | flat_map_ordered(3, [&m](char c) { return m.cold(c == 'b' ? "|" : "-1|"); })) ==
              "-1-1|");
        CHECK(m.play(m.hot("ab|") | flat_map_ordered(3, inner) | weir::take(1)) == "------[1|]");
    }

    TEST_CASE("flat_map_ordered delivers an error in its place, and drops upstream and later streams at once") {
        marbles m;
        const auto inner = [&m](char c) { return m.cold(c == 'b' ? "-#" : "--1--2|"); };
        CHECK(m.play(m.hot("abc...") | flat_map_ordered(3, inner)) == "--1--2#");
        CHECK(m.play(m.hot("b...") | flat_map_ordered(3, inner)) == "-#");
        CHECK(m.play(m.hot("a-#") | flat_map_ordered(3, inner)) == "--1--2#");
        for (int busy = 0; busy != 7; ++busy) {
            CHECK(support::seen_when_busy(m, busy, m.cold("abc|") | flat_map_ordered(3, inner)) == "12#");
        }

        virtual_executor ex;
        nursery n{3};
        probe_sink sink{ex, n.flattened(3)};
        sink.request();
        ex.run_ready();
        n.inners[1].fail(failure());
        ex.run_ready();
        CHECK(n.outer.dropped());
        CHECK(n.inners[2].dropped());
        CHECK_FALSE(n.inners[0].dropped());
        n.inners[0].push(1);
        n.inners[0].end();
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.failed());
    }

    TEST_CASE("flat_map_ordered: an exception of the function is an error of its stream") {
        virtual_executor ex;
        const auto make = [](int x) {
            return x == 2 ? throw std::runtime_error{"no stream for 2"} : support::late_items{x, 2};
        };
        probe_sink sink{ex, weir::iota(0) | flat_map_ordered(4, make)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 0, 1, 1});
        CHECK(sink.error_message() == "no stream for 2");
    }

    TEST_CASE("flat_map_ordered polls each stream for its first item, and only the first stream for the others") {
        virtual_executor ex;
        nursery n{5};
        probe_sink sink{ex, n.flattened(3)};
        ex.run_ready();
        CHECK(n.outer.polls() == 0);
        sink.request(1);
        for (auto& inner : n.inners) {
            for (int i = 0; i != 3; ++i) inner.push(i);
        }
        ex.run_ready();
        CHECK(n.outer.taken() == 3);
        CHECK(n.inners[0].taken() == 2); // one was delivered, one is held
        CHECK(n.inners[1].taken() == 1);
        CHECK(n.inners[2].taken() == 1);
        n.inners[0].end();
        sink.request(2);
        ex.run_ready();
        CHECK(n.inners[0].dropped());
        CHECK(n.outer.taken() == 4);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 0});
        CHECK(n.inners[1].taken() == 2);
        n.inners[1].end();
        n.inners[2].end();
        sink.drop();
        CHECK(n.inners[3].dropped());
        CHECK(n.outer.dropped());
    }

    TEST_CASE("flat_map_ordered may be dropped by upstream, by an inner stream and by its function") {
        support::drop_from_within(
            [](auto s) { return std::move(s) | flat_map_ordered(2, [](int x) { return weir::just(x); }); });
        support::drop_from_within([](auto s) {
            return weir::just(1) | flat_map_ordered(2, [s = std::move(s)](int) mutable { return std::move(s); });
        });
        for (const bool busy : {false, true}) {
            virtual_executor ex;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            const auto make = [&sink](int x) {
                if (x == 1) sink.reset();
                return support::late_items{x, 2};
            };
            sink.emplace(ex, weir::async_stream<int>{weir::iota(0) | flat_map_ordered(2, make)});
            sink->request(busy ? 1 : probe_sink<weir::async_stream<int>>::unlimited);
            ex.run_ready();
            CHECK_FALSE(sink);
        }
    }

    TEST_CASE("flat_map_ordered rejects n less than 1") {
        CHECK_THROWS_WITH_AS(flat_map_ordered(0, [](int x) { return weir::just(x); }),
                             "weir::flat_map_ordered(n, f): n must be at least 1", std::invalid_argument);
    }

    TEST_CASE("flat_map_ordered keeps the contract of a stream") {
        for (const int n : {1, 3}) {
            CHECK(
                check_contract([&] { return flat_map_ordered(n, [](tracked x) { return support::late_items{x, 2}; }); },
                               {.prefetch = static_cast<std::size_t>(n)}) == "");
        }
        CHECK(check_contract([] { return flat_map_ordered(2, [](tracked) { return weir::empty<tracked>(); }); }) == "");
    }

    TEST_CASE("flat_map_ordered moves its items, and allocates nothing per item or inner stream") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 4) | weir::map([](int x) { return std::make_unique<int>(x); }) |
               flat_map_ordered(2, [](std::unique_ptr<int> x) { return weir::just(std::move(x)); }) |
               weir::for_each([&](auto x) { sum += *x; }));
        CHECK(sum == 6);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) |
                            flat_map_ordered(16, [](int x) { return support::late_items{x, x % 3}; }) |
                            weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("flat_map_ordered: empty inner streams without end let others run") {
        virtual_executor ex;
        const auto handle = ex.spawn(weir::iota(0) | flat_map_ordered(8, [](int) { return weir::empty<int>(); }) |
                                     weir::for_each([](int) {}));
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
    }

    TEST_CASE(
        "flat_map_ordered emits the items of concat_map, with at most n streams at a time, whenever they arrive") {
        std::mt19937 random{20240909};
        for (int round = 0; round != 400; ++round) {
            const auto lengths = support::random_numbers(random, 12, 0, 5);
            const int limit = 1 + static_cast<int>(random() % 4);
            std::vector<std::pair<int, int>> items;
            numbers expected;
            for (std::size_t i = 0; i != lengths.size(); ++i) {
                items.emplace_back(static_cast<int>(i), lengths[i]);
                for (int k = 0; k != lengths[i]; ++k) expected.push_back(static_cast<int>(i) * 10 + k);
            }
            support::running_scopes running;
            const auto inner = [&](std::pair<int, int> item) -> weir::async_stream<int> {
                const auto scope = running.enter();
                for (int i = 0; i != item.second; ++i) {
                    for (auto late = random() % 3; late != 0; --late) co_await weir::yield();
                    co_yield item.first * 10 + i;
                }
            };
            CHECK(support::arrive_at_random(random, items, flat_map_ordered(limit, inner)) == expected);
            CHECK(running.most() <= limit);
        }
    }
}
