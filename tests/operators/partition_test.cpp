// SPDX-License-Identifier: MIT
#include <weir/operators/partition.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <item_types.hpp>
#include <numbers.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using support::items::throwing_move;

namespace {

constexpr auto odd = [](int x) { return x % 2 != 0; };
constexpr auto upper = [](char c) { return c < 'a'; };

} // namespace

TEST_SUITE("operators/partition") {
    TEST_CASE("partition divides items between two streams, which both see the end and errors") {
        for (const char* diagram : {"|", "#", "--|", "a-B-c|", "a-[Bc]-#", "[abc|]", "B-a..."}) {
            marbles m;
            auto [large, small] = m.hot(diagram) | weir::partition(upper);
            CHECK(m.play(weir::merge(std::move(large), std::move(small))) == diagram);
        }
        virtual_executor ex;
        auto [some, others] = weir::iota(0, 7) | weir::partition(odd);
        const auto [seen, rest] = ex.run(
            weir::when_all(std::move(some) | weir::to<std::vector>(), std::move(others) | weir::to<std::vector>()));
        CHECK(seen == numbers{1, 3, 5});
        CHECK(rest == numbers{0, 2, 4, 6});
    }

    TEST_CASE("partition pulls for the demand of either stream, and waits when the other has its buffer full") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {0, 2, 1, 4, 6, 3}) source.push(x);
        auto [some, others] = source.stream() | weir::partition(odd, {.capacity = 2});
        probe_sink of_odd{ex, std::move(some)};
        probe_sink of_even{ex, std::move(others)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        of_odd.request();
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(of_odd.items().empty());
        of_even.request(1);
        ex.run_ready();
        CHECK(of_even.items() == numbers{0});
        CHECK(of_odd.items() == numbers{1});
        CHECK(source.taken() == 4);
        of_even.request();
        ex.run_ready();
        CHECK(of_odd.items() == numbers{1, 3});
        CHECK(of_even.items() == numbers{0, 2, 4, 6});
        of_odd.drop();
        CHECK_FALSE(source.dropped());
        of_even.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("partition drops the items of a stream that was destroyed, and the other goes on") {
        virtual_executor ex;
        numbers dropped;
        const auto drop = [&](int x) { dropped.push_back(x); };
        probe<int> source;
        for (const int x : {0, 2, 1, 4, 3}) source.push(x);
        auto [some, others] = source.stream() | weir::partition(odd, {.capacity = 2}, drop);
        probe_sink of_odd{ex, std::move(some)};
        std::optional unread{std::move(others)};
        of_odd.request();
        ex.run_ready();
        CHECK(of_odd.items().empty());
        unread.reset();
        ex.run_ready();
        CHECK(of_odd.items() == numbers{1, 3});
        CHECK(dropped == numbers{0, 2, 4});
    }

    TEST_CASE("partition: an item in hand when a function drops the consumer is not lost") {
        for (const bool in_pred : {false, true}) {
            for (const int last : {2, 3}) {
                virtual_executor ex;
                numbers dropped;
                numbers asked;
                std::function<void()> drop_odd;
                const auto culprit = [&](bool here, int x) {
                    if (here && x == last) drop_odd();
                    return x;
                };
                const auto pred = [&](int x) {
                    asked.push_back(x);
                    return odd(culprit(in_pred, x));
                };
                auto both = weir::iota(0, 6) | weir::map([&](int x) { return culprit(!in_pred, x); }) |
                            weir::partition(pred, {}, [&](int x) { dropped.push_back(x); });
                using stream = decltype(both.first);
                std::optional<probe_sink<stream>> of_odd{std::in_place, ex, std::move(both.first)};
                probe_sink of_even{ex, std::move(both.second)};
                drop_odd = [&] { of_odd.reset(); };
                of_odd->request();
                ex.run_ready();
                CHECK_FALSE(of_odd);
                of_even.request();
                ex.run_ready();
                CHECK(of_even.items() == numbers{0, 2, 4});
                CHECK(dropped == numbers{3, 5});
                CHECK(asked == numbers{0, 1, 2, 3, 4, 5});
            }
        }
    }

    TEST_CASE("partition: a stream asks again when the one whose consumer waited is destroyed") {
        virtual_executor ex;
        probe<int> source;
        auto [some, others] = source.stream() | weir::partition(odd);
        probe_sink of_odd{ex, std::move(some)};
        probe_sink of_even{ex, std::move(others)};
        of_even.request();
        ex.run_ready();
        of_odd.request();
        ex.run_ready();
        of_odd.drop();
        source.push(2);
        ex.run_ready();
        CHECK(of_even.items() == numbers{2});
    }

    TEST_CASE("partition: an error of upstream or of the predicate reaches both streams, after the items held") {
        for (const bool in_pred : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            source.push(2);
            if (in_pred) {
                source.push(9);
            } else {
                source.fail(std::make_exception_ptr(9));
            }
            auto [some, others] = source.stream() | weir::partition([](int x) { return x == 9 ? throw 9 : odd(x); });
            probe_sink of_odd{ex, std::move(some)};
            probe_sink of_even{ex, std::move(others)};
            of_odd.request();
            ex.run_ready();
            CHECK(of_odd.failed());
            CHECK(source.dropped());
            of_even.request();
            ex.run_ready();
            CHECK(of_even.items() == numbers{2});
            CHECK(of_even.failed());
        }
    }

    TEST_CASE("partition passes each item once, in order, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto both = weir::closure{[](auto s) {
                auto [some, others] = std::move(s) | weir::partition(odd, {.capacity = 2});
                return weir::merge(std::move(some), std::move(others));
            }};
            numbers of_odd;
            numbers of_even;
            for (const int x : support::arrive_at_random(random, items, both)) (odd(x) ? of_odd : of_even).push_back(x);
            numbers odd_items;
            numbers even_items;
            for (const int x : items) (odd(x) ? odd_items : even_items).push_back(x);
            CHECK(of_odd == odd_items);
            CHECK(of_even == even_items);
        }
    }

    TEST_CASE("partition allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  auto [some, others] = weir::iota(0, n) | weir::partition(odd);
                  ex.run(weir::when_all(std::move(some) | weir::drain(), std::move(others) | weir::drain()));
              }) == 0);
        virtual_executor ex;
        auto [some, others] = weir::iota(0, 4) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                              weir::partition([](const auto& x) { return odd(*x); });
        CHECK(ex.run(std::move(some) | weir::map([](auto x) { return *x; }) | weir::to<std::vector>()) ==
              numbers{1, 3});
        CHECK(ex.run(std::move(others) | weir::map([](auto x) { return *x; }) | weir::to<std::vector>()) ==
              numbers{0, 2});
    }

    TEST_CASE("partition: an item whose move throws fails the stream that it belongs to") {
        const auto is_odd = [](const throwing_move& x) { return x.value() % 2 == 1; };
        for (int at = 1; at != 40; ++at) {
            CAPTURE(at);
            virtual_executor ex;
            const auto source = []() -> weir::async_stream<throwing_move> {
                for (int i = 0; i != 6; ++i) {
                    throwing_move item{i};
                    co_yield std::move(item);
                }
            };
            auto [odd, even] = source() | weir::partition(is_odd);
            probe_sink first{ex, std::move(odd)};
            probe_sink second{ex, std::move(even)};
            first.request();
            throwing_move::throw_at(at);
            ex.run_ready();
            second.request();
            ex.run_ready();
            throwing_move::throw_at(0);
            CHECK((first.failed() || first.items().size() == 3));
            CHECK((second.failed() || second.items().size() == 3));
        }
    }

    TEST_CASE("partition rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::partition(odd, {.capacity = 0}),
                             "weir::partition(pred, {.capacity}): capacity must be at least 1", std::invalid_argument);
    }

    TEST_CASE("partition keeps the contract of a stream") {
        const auto all = weir::closure{
            [](auto s) { return (std::move(s) | weir::partition([](const auto&) { return true; })).first; }};
        CHECK(check_contract([&] { return all; }) == "");
    }
}
