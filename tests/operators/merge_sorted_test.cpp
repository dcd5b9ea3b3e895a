// SPDX-License-Identifier: MIT
#include <weir/operators/merge_sorted.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <all_items.hpp>
#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <many_probes.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::all_items;
using support::failure;
using support::many_probes;
using support::numbers;
using weir::merge_sorted;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/merge_sorted") {
    TEST_CASE("merge_sorted emits the items of sorted streams in order") {
        CHECK(all_items(merge_sorted(weir::just(1, 4, 7), weir::just(2, 3, 5))) == numbers{1, 2, 3, 4, 5, 7});
        CHECK(all_items(merge_sorted(weir::just(5), weir::iota(0, 3), weir::empty<int>(), weir::just(-1, 9))) ==
              numbers{-1, 0, 1, 2, 5, 9});
        CHECK(all_items(merge_sorted(weir::empty<int>(), weir::empty<int>())).empty());
        CHECK(all_items(merge_sorted(std::vector<weir::empty_stream<int>>{})).empty());
        CHECK(all_items(merge_sorted(weir::just(7))) == numbers{7});
    }

    TEST_CASE("merge_sorted accepts a range of streams and a comparison") {
        const std::vector copyable(3, weir::iota(0, 2));
        CHECK(all_items(merge_sorted(copyable)) == numbers{0, 0, 0, 1, 1, 1});
        CHECK(all_items(merge_sorted(std::greater<>{}, weir::just(9, 5), weir::just(7, 1))) == numbers{9, 7, 5, 1});
        CHECK(all_items(merge_sorted(std::greater<>{}, copyable)) == numbers{0, 1, 0, 1, 0, 1});
    }

    TEST_CASE("merge_sorted emits an item when every other stream has an item or has ended") {
        marbles m;
        CHECK(m.play(merge_sorted(m.hot("--1-----4--7-|"), m.hot("-2--3-5---|"))) == "--1-----[234]--[57]-|");
        CHECK(m.play(merge_sorted(m.hot("abc|"), m.hot("------|"))) == "------[abc|]");
        CHECK(m.play(merge_sorted(m.hot("abc|"), m.hot("..."))) == "...");
        CHECK(m.play(merge_sorted(m.hot("|"), m.hot("--a|"))) == "--a|");
    }

    TEST_CASE("merge_sorted emits equal items in the order of the streams") {
        using labelled = std::pair<int, char>;
        const auto by_number = [](const labelled& a, const labelled& b) { return a.first < b.first; };
        const auto label = [](char name) { return weir::map([name](int x) { return labelled{x, name}; }); };
        const std::vector<labelled> expected{{0, 'a'}, {0, 'b'}, {0, 'c'}, {1, 'a'}, {1, 'b'}, {1, 'c'}};
        CHECK(all_items(merge_sorted(by_number, weir::iota(0, 2) | label('a'), weir::iota(0, 2) | label('b'),
                                     weir::iota(0, 2) | label('c'))) == expected);
        CHECK(all_items(merge_sorted(by_number, weir::just(labelled{0, 'a'}, labelled{1, 'a'}),
                                     weir::iota(0, 2) | label('b'), weir::just(labelled{0, 'c'}, labelled{1, 'c'}))) ==
              expected);
    }

    TEST_CASE("merge_sorted emits many streams of equal items one after the other") {
        std::vector<decltype(weir::iota(0, 3))> streams;
        for (int i = 0; i != 20; ++i) streams.push_back(weir::iota(10 * i, 10 * i + 3));
        const auto items = all_items(merge_sorted([](int, int) { return false; }, std::move(streams)));
        CHECK(items.size() == 60);
        CHECK(std::is_sorted(items.begin(), items.end()));
    }

    TEST_CASE("merge_sorted loses nothing of unsorted streams") {
        auto items = all_items(merge_sorted(weir::just(3, 1, 2), weir::just(2, 0)));
        std::sort(items.begin(), items.end());
        CHECK(items == numbers{0, 1, 2, 2, 3});
    }

    TEST_CASE("merge_sorted polls nothing early, and only the stream of the last item again") {
        virtual_executor ex;
        many_probes many{3};
        probe_sink sink{ex, merge_sorted(many.streams())};
        ex.run_ready();
        for (const auto& source : many.sources) CHECK(source.polls() == 0);
        for (int i = 0; i != 3; ++i) {
            many.sources[static_cast<std::size_t>(i)].push(i);
            many.sources[static_cast<std::size_t>(i)].push(i + 10);
        }
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        for (const auto& source : many.sources) CHECK(source.polls() == 1);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(many.sources[0].polls() == 2);
        CHECK(many.sources[1].polls() == 1);
        CHECK(many.sources[2].polls() == 1);
    }

    TEST_CASE("merge_sorted polls only the streams that woke it") {
        virtual_executor ex;
        many_probes many{20};
        probe_sink sink{ex, merge_sorted(many.streams())};
        sink.request();
        ex.run_ready();
        for (std::size_t i = 0; i != 19; ++i) {
            many.sources[i].push(static_cast<int>(i));
            ex.run_ready();
        }
        for (std::size_t i = 0; i != 19; ++i) CHECK(many.sources[i].polls() == 2);
        CHECK(many.sources[19].polls() == 1);
        CHECK(sink.items().empty());
        many.sources[19].end();
        ex.run_ready();
        CHECK(many.sources[19].dropped());
        CHECK(sink.items() == numbers{0});
    }

    TEST_CASE("merge_sorted: an error drops all streams and held items, at any pace of the consumer") {
        marbles m;
        CHECK(m.play(merge_sorted(m.hot("b--d"), m.hot("-a-#"))) == "-a-#");
        CHECK(m.play(merge_sorted(m.hot("#"), m.hot("a"))) == "#");
        for (int busy = 0; busy != 6; ++busy) {
            CAPTURE(busy);
            CHECK(support::seen_when_busy(m, busy, merge_sorted(m.hot("ac---e|"), m.hot("-bd#"))) == "abcd#");
        }

        virtual_executor ex;
        many_probes many{3};
        probe_sink sink{ex, merge_sorted(many.streams())};
        sink.request();
        many.sources[0].push(1);
        ex.run_ready();
        many.sources[1].fail(failure());
        ex.run_ready();
        CHECK(sink.items().empty());
        CHECK(sink.error_message() == "failed");
        for (const auto& source : many.sources) CHECK(source.dropped());
    }

    TEST_CASE("merge_sorted: an exception from the comparison ends the stream and drops all streams") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        const auto less = [](int x, int y) {
            if (x == 7 || y == 7) throw std::runtime_error{"no order of 7"};
            return x < y;
        };
        probe_sink sink{ex, merge_sorted(less, a.stream(), b.stream())};
        sink.request();
        a.push(1);
        a.push(7);
        b.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.error_message() == "no order of 7");
        CHECK(a.dropped());
        CHECK(b.dropped());
    }

    TEST_CASE("merge_sorted drops all streams when its consumer stops early") {
        virtual_executor ex;
        many_probes many{2};
        probe_sink sink{ex, merge_sorted(many.streams()) | weir::take(1)};
        sink.request();
        many.sources[0].push(1);
        many.sources[1].push(2);
        ex.run_ready();
        CHECK(sink.ended());
        for (const auto& source : many.sources) CHECK(source.dropped());
        for (const auto& source : many.sources) CHECK(source.taken() == 1);
    }

    TEST_CASE("merge_sorted drops all streams when it is dropped, also with a queued wake") {
        virtual_executor ex;
        many_probes many{4};
        probe_sink sink{ex, merge_sorted(many.streams())};
        sink.request();
        ex.run_ready();
        many.sources[2].push(1);
        sink.drop();
        for (const auto& source : many.sources) CHECK(source.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("merge_sorted may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return merge_sorted(std::move(s), weir::just(5)); });
        support::drop_from_within([](auto s) { return merge_sorted(weir::just(0), std::move(s)); });
        support::drop_from_within([](auto s) { return merge_sorted(weir::just(5), std::move(s)); });
    }

    TEST_CASE("merge_sorted keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return merge_sorted(std::move(s)); }}; }) == "");
        CHECK(check_contract([] {
                  return closure{[](auto s) { return merge_sorted(std::move(s), weir::empty<tracked>()); }};
              }) == "");
        CHECK(check_contract([] {
                  return closure{[](auto s) { return merge_sorted(weir::just(tracked{0}, tracked{3}), std::move(s)); }};
              }) == "");
        CHECK(check_contract([] {
                  return closure{[]<class S>(S s) {
                      std::vector<S> one;
                      one.push_back(std::move(s));
                      return merge_sorted(std::move(one));
                  }};
              }) == "");
    }

    TEST_CASE("merge_sorted moves its items") {
        virtual_executor ex;
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        const auto by_value = [](const auto& a, const auto& b) { return *a < *b; };
        probe_sink sink{ex, merge_sorted(by_value, weir::iota(0, 2) | boxed, weir::iota(0, 2) | boxed)};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 4);
        CHECK(*sink.items()[1] == 0);
        CHECK(*sink.items()[3] == 1);
    }

    TEST_CASE("merge_sorted allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(merge_sorted(support::late_items{1, n}, support::late_items{2, n}, support::late_items{3, n}) |
                   weir::for_each([&](int x) { sum += x; }));
            CHECK(sum == 6 * n);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("merge_sorted: the number of comparisons per item grows with the logarithm of the number of streams") {
        std::size_t comparisons = 0;
        const auto counting = [&](int a, int b) {
            ++comparisons;
            return a < b;
        };
        const std::vector streams(256, weir::iota(0, 10));
        CHECK(all_items(merge_sorted(counting, streams)).size() == 2560);
        CHECK(comparisons < 2560 * 20);
    }

    TEST_CASE("merge_sorted: many streams that end at once do not starve others") {
        virtual_executor ex;
        auto handle = ex.spawn(merge_sorted(std::vector<weir::empty_stream<int>>(100'000)) | weir::drain());
        ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
        ex.run_ready();
        CHECK(handle.finished());
    }

    TEST_CASE("merge_sorted agrees with sorting all items, whenever items arrive") {
        std::mt19937 random{20240707};
        for (int round = 0; round != 300; ++round) {
            std::vector<numbers> items;
            numbers expected;
            for (std::size_t k = 1 + random() % 6; k != 0; --k) {
                auto sorted = support::random_numbers(random, 8, 0, 20);
                std::sort(sorted.begin(), sorted.end());
                expected.insert(expected.end(), sorted.begin(), sorted.end());
                items.push_back(std::move(sorted));
            }
            std::sort(expected.begin(), expected.end());
            const auto make = [](auto streams) { return merge_sorted(std::move(streams)); };
            CHECK(support::arrive_in_any_order(random, items, make) == expected);
        }
    }
}
