// SPDX-License-Identifier: MIT
#include <weir/operators/share.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/overflow.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::overflow;

namespace {

numbers up_to(int n) {
    numbers all;
    for (int i = 0; i != n; ++i) all.push_back(i);
    return all;
}

} // namespace

TEST_SUITE("operators/share") {
    TEST_CASE("share passes items, the end and errors to a single subscription") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play((m.hot(diagram) | weir::share()).subscribe()) == diagram);
        }
    }

    TEST_CASE("share polls its source for a subscription, and not before") {
        virtual_executor ex;
        probe<int> source;
        const auto shared = source.stream() | weir::share();
        probe_sink one{ex, shared.subscribe()};
        probe_sink two{ex, shared.subscribe()};
        source.push(0);
        ex.run_ready();
        CHECK(source.polls() == 0);
        one.request(1);
        ex.run_ready();
        CHECK(one.items() == numbers{0});
        two.request(1);
        ex.run_ready();
        CHECK(two.items() == numbers{0});
    }

    TEST_CASE("share delivers the items from the start of a subscription to its end") {
        marbles m;
        const auto shared = m.hot("-a-b-c-d-e-|") | weir::share();
        auto& ex = m.executor();
        std::string all;
        std::string late;
        const auto first = ex.spawn(shared.subscribe() | weir::for_each([&](char c) { all += c; }));
        ex.advance(m.ticks(4));
        {
            const auto second = ex.spawn(shared.subscribe() | weir::for_each([&](char c) { late += c; }));
            ex.advance(m.ticks(4));
        }
        ex.advance(m.ticks(9));
        CHECK(all == "abcde");
        CHECK(late == "cd");
    }

    TEST_CASE("share: the last subscription to leave stops the source, and a later one sees the end") {
        virtual_executor ex;
        probe<int> source;
        const auto shared = source.stream() | weir::share();
        probe_sink one{ex, shared.subscribe()};
        probe_sink two{ex, shared.subscribe()};
        one.request();
        two.request();
        source.push(0);
        ex.run_ready();
        one.drop();
        ex.run_ready();
        CHECK_FALSE(source.dropped());
        source.push(1);
        ex.run_ready();
        CHECK(two.items() == numbers{0, 1});
        two.drop();
        CHECK(source.dropped());
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == numbers{});
    }

    TEST_CASE("share of a function: each subscription after the last one has left starts a new stream") {
        virtual_executor ex;
        int started = 0;
        int ended = 0;
        const auto shared = weir::share([&] {
            ++started;
            return weir::concat(weir::iota(0, 3), weir::never<int>()) |
                   weir::inspect([guard = std::shared_ptr<int>(&ended, [](int* n) { ++*n; })](int) {});
        });
        for (int round = 1; round != 6; ++round) {
            probe_sink one{ex, shared.subscribe()};
            probe_sink two{ex, shared.subscribe()};
            ex.run_ready();
            CHECK(started == round - 1);
            one.request();
            two.request();
            ex.run_ready();
            CHECK(started == round);
            CHECK(one.items() == numbers{0, 1, 2});
            CHECK(two.items() == numbers{0, 1, 2});
            one.drop();
            CHECK(ended == round - 1);
            two.drop();
            CHECK(ended == round);
        }
    }

    TEST_CASE("share of a function: a subscription after the end or an error starts a new stream") {
        virtual_executor ex;
        int started = 0;
        const auto shared = weir::share([&] {
            if (++started == 2) throw std::runtime_error{"second"};
            return weir::iota(0, 3);
        });
        auto early = shared.subscribe();
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == numbers{0, 1, 2});
        CHECK_THROWS_WITH(ex.run(shared.subscribe() | weir::to<std::vector>()), "second");
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == numbers{0, 1, 2});
        CHECK(ex.run(std::move(early) | weir::to<std::vector>()) == numbers{0, 1, 2});
        CHECK(started == 3);
    }

    TEST_CASE("share: with overflow::suspend the slowest subscriber sets the pace, and none loses an item") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 20; ++i) source.push(i);
        const auto shared = source.stream() | weir::share({.capacity = 4});
        probe_sink slow{ex, shared.subscribe()};
        probe_sink fast{ex, shared.subscribe()};
        probe_sink faster{ex, shared.subscribe({.capacity = 100})};
        fast.request();
        faster.request();
        ex.run_ready();
        CHECK(source.taken() == 4); // one item less than a send that waits would have taken
        CHECK(fast.items() == up_to(4));
        slow.request(3);
        ex.run_ready();
        CHECK(source.taken() == 7);
        CHECK(fast.items() == up_to(7));
        CHECK(faster.items() == up_to(7));
        source.end();
        slow.request();
        ex.run_ready();
        CHECK(slow.items() == up_to(20));
        CHECK(fast.items() == up_to(20));
        CHECK(fast.ended());
    }

    TEST_CASE("share: a subscriber that leaves releases the others that waited for it") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 20; ++i) source.push(i);
        const auto shared = source.stream() | weir::share({.capacity = 2});
        probe_sink stuck{ex, shared.subscribe()};
        probe_sink fast{ex, shared.subscribe()};
        fast.request();
        ex.run_ready();
        CHECK(fast.items() == up_to(2));
        stuck.drop();
        ex.run_ready();
        CHECK(fast.items() == up_to(20));
    }

    TEST_CASE("share: a slow subscriber that may lose items delays no other and reports its losses") {
        virtual_executor ex;
        probe<int> source;
        const auto shared = source.stream() | weir::share();
        numbers unseen;
        auto oldest = shared.subscribe(
            {.capacity = 2, .overflow = overflow::drop_oldest, .on_drop = [&](int i) { unseen.push_back(i); }});
        auto newest = shared.subscribe({.capacity = 2, .overflow = overflow::drop_newest});
        auto latest = shared.subscribe({.overflow = overflow::latest});
        probe_sink fast{ex, shared.subscribe()};
        fast.request();
        for (int i = 0; i != 10; ++i) source.push(i);
        ex.run_ready();
        CHECK(fast.items() == up_to(10));
        CHECK(unseen == up_to(8));
        CHECK(oldest.size() == 2);
        CHECK(oldest.dropped() == 8);
        CHECK(newest.size() == 2);
        CHECK(newest.dropped() == 8);
        CHECK(latest.size() == 1);
        CHECK(latest.dropped() == 9);
        CHECK(ex.run(weir::next(oldest)) == 8);
        CHECK(oldest.missed() == 8);
        CHECK(ex.run(weir::next(oldest)) == 9);
        CHECK(oldest.missed() == 0);
        CHECK(ex.run(weir::next(newest)) == 0);
        CHECK(ex.run(weir::next(newest)) == 1);
        CHECK(ex.run(weir::next(latest)) == 9);
        CHECK(latest.missed() == 9);
        source.push(10);
        ex.run_ready();
        CHECK(ex.run(weir::next(newest)) == 10);
        CHECK(newest.missed() == 8);
    }

    TEST_CASE("share: with overflow::error only the subscriber that falls behind fails") {
        virtual_executor ex;
        const auto shared = weir::iota(0, 10) | weir::share({.capacity = 20});
        auto strict = shared.subscribe({.capacity = 1, .overflow = overflow::error});
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == up_to(10));
        CHECK(ex.run(weir::next(strict)) == 0);
        CHECK_THROWS_AS(ex.run(weir::next(strict)), weir::buffer_overflow);
    }

    TEST_CASE("share delivers an error after the held items to each present and later subscriber") {
        virtual_executor ex;
        const auto shared =
            weir::concat(weir::iota(0, 2), weir::fail<int>(std::runtime_error{"lost the feed"})) | weir::share();
        auto late = shared.subscribe();
        CHECK_THROWS_WITH(ex.run(shared.subscribe() | weir::drain()), "lost the feed");
        CHECK(ex.run(weir::next(late)) == 0);
        CHECK(ex.run(weir::next(late)) == 1);
        CHECK_THROWS_WITH(ex.run(weir::next(late)), "lost the feed");
        CHECK_THROWS_WITH(ex.run(shared.subscribe() | weir::drain()), "lost the feed");
    }

    TEST_CASE("share: the source is destroyed before a subscriber sees the end") {
        virtual_executor ex;
        probe<int> source;
        const auto shared = source.stream() | weir::share();
        bool dropped = false;
        const auto reading = ex.spawn([&]() -> weir::task<> {
            auto items = shared.subscribe();
            while (co_await weir::next(items)) {}
            dropped = source.dropped();
        });
        ex.run_ready();
        source.push(1);
        source.end();
        ex.run_ready();
        CHECK(dropped);
    }

    TEST_CASE("share: one consumer may merge several subscriptions") {
        virtual_executor ex;
        const auto shared = weir::iota(0, 1000) | weir::share({.capacity = 1});
        const auto even = [](int i) { return i % 2 == 0; };
        const auto third = [](int i) { return i % 3 == 0; };
        CHECK(ex.run(weir::merge(shared.subscribe() | weir::filter(even), shared.subscribe() | weir::filter(third)) |
                     weir::count()) == 500 + 334);
    }

    TEST_CASE("share delivers a part without gaps to each subscriber that joins and leaves") {
        std::mt19937 random{1};
        const auto up_to_random = [&](int n) { return std::uniform_int_distribution<int>{0, n - 1}(random); };
        for (int round = 0; round != 100; ++round) {
            virtual_executor ex;
            probe<int> source;
            const auto shared =
                source.stream() | weir::share({.capacity = static_cast<std::size_t>(1 + up_to_random(4))});
            using subscriber = probe_sink<decltype(shared.subscribe())>;
            std::vector<std::pair<int, std::unique_ptr<subscriber>>> there;
            // One stays, so that the source goes on; it has taken an item when the next is pushed.
            subscriber stays{ex, shared.subscribe()};
            stays.request();
            ex.run_ready();
            for (int next = 0; next != 60; ++next) {
                if (up_to_random(3) == 0)
                    there.emplace_back(next, std::make_unique<subscriber>(ex, shared.subscribe()));
                if (!there.empty() && up_to_random(4) == 0)
                    there.erase(there.begin() + up_to_random(int(there.size())));
                source.push(next);
                for (auto& [first, one] : there) one->request();
                ex.run_ready();
                for (auto& [first, one] : there) {
                    CHECK(one->items().size() == static_cast<std::size_t>(next + 1 - first));
                    CHECK(one->items().front() == first);
                    CHECK(one->items().back() == next);
                }
            }
            CHECK(stays.items() == up_to(60));
            stays.drop();
            there.clear();
            CHECK(source.dropped());
        }
    }

    TEST_CASE("share: a subscription may be moved and outlives the shared source") {
        virtual_executor ex;
        auto first = (weir::iota(0, 3) | weir::share()).subscribe();
        CHECK(ex.run(weir::next(first)) == 0);
        auto moved = std::move(first);
        CHECK(ex.run(std::move(moved) | weir::to<std::vector>()) == numbers{1, 2});
    }

    TEST_CASE("share: the source may drop its last subscriber") {
        virtual_executor ex;
        std::optional<weir::join_handle<weir::task<>>> reading;
        int seen = 0;
        bool gone = false;
        const auto shared = weir::iota(0, 10) |
                            weir::map([&, guard = std::shared_ptr<bool>(&gone, [](bool* b) { *b = true; })](int i) {
                                if (i == 3) {
                                    reading.reset();
                                    CHECK_FALSE(gone);
                                }
                                return i;
                            }) |
                            weir::share({.capacity = 1});
        const auto read = [&]() -> weir::task<> {
            auto items = shared.subscribe();
            while (co_await weir::next(items)) ++seen;
        };
        reading.emplace(ex.spawn(read()));
        ex.run_ready();
        CHECK(seen == 3);
        CHECK(gone);
    }

    TEST_CASE("share: the source and its function may drop the first subscriber, and others go on") {
        for (const bool by_function : {false, true}) {
            CAPTURE(by_function);
            virtual_executor ex;
            std::optional<weir::join_handle<weir::task<>>> starting;
            const auto shared = weir::share([&] {
                if (by_function) starting.reset();
                return weir::iota(0, 10) | weir::inspect([&](int i) {
                           if (i == 3) starting.reset();
                       });
            });
            bool gone = false;
            starting.emplace(ex.spawn([](auto items, auto) -> weir::task<> {
                while (co_await weir::next(items)) {}
            }(shared.subscribe(), std::shared_ptr<bool>(&gone, [](bool* b) { *b = true; }))));
            auto other = ex.spawn(shared.subscribe() | weir::to<std::vector>());
            ex.run_ready();
            CHECK(gone);
            CHECK(ex.run(std::move(other)) == up_to(10));
        }
    }

    TEST_CASE("share: a subscriber may drop another, itself, and the source") {
        virtual_executor ex;
        const auto shared = weir::iota(0) | weir::share({.capacity = 2});
        std::optional<weir::join_handle<weir::task<>>> one;
        std::optional<weir::join_handle<weir::task<>>> two;
        const auto read = [&](auto& other, auto& self) -> weir::task<> {
            auto items = shared.subscribe();
            for (int i = 0; i != 5; ++i) co_await weir::next(items);
            other.reset();
            self.reset();
        };
        one.emplace(ex.spawn(read(two, one)));
        two.emplace(ex.spawn(read(one, two)));
        ex.run_ready();
        CHECK_FALSE(one.has_value());
        CHECK_FALSE(two.has_value());
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == numbers{});
    }

    TEST_CASE("share: an executor may end before its subscriptions") {
        auto shared = weir::iota(0) | weir::share();
        std::optional<decltype(shared.subscribe())> items;
        {
            virtual_executor ex;
            items.emplace(shared.subscribe());
            CHECK(ex.run(weir::next(*items)) == 0);
        }
        items.reset();
    }

    TEST_CASE("share(f): a subscription that the end of a source makes starts a new run") {
        virtual_executor ex;
        int made = 0;
        std::function<void()> at_end;
        const auto source = [&] {
            return weir::concat(weir::just(++made), weir::never<int>()) | weir::finally(std::ref(at_end));
        };
        const auto shared = weir::share(source);
        std::optional<probe_sink<weir::async_stream<int>>> second;
        at_end = [&] {
            if (made != 1) return;
            second.emplace(ex, weir::async_stream<int>{shared.subscribe()});
            second->request();
        };
        {
            probe_sink first{ex, shared.subscribe()};
            first.request();
            ex.run_ready();
            CHECK(first.items() == numbers{1});
        }
        ex.run_ready();
        REQUIRE(second);
        CHECK(second->items() == numbers{2});
        CHECK_FALSE(second->ended());
        second.reset();
    }

    TEST_CASE("share: a source that is always ready lets others run") {
        virtual_executor ex;
        const auto shared = weir::iota(0) | weir::share({.capacity = 1, .overflow = overflow::drop_newest});
        const auto reading = ex.spawn(shared.subscribe() | weir::drain());
        bool ran = false;
        ex.post([&] { ran = true; });
        for (int i = 0; i != 5; ++i) ex.turn();
        CHECK(ran);
    }

    TEST_CASE("share agrees with its source for each subscriber, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto capacity = std::uniform_int_distribution<std::size_t>{1, 4}(random);
            const auto through_share =
                weir::closure{[=](auto s) { return (std::move(s) | weir::share({.capacity = capacity})).subscribe(); }};
            CHECK(support::arrive_at_random(random, items, through_share) == items);
        }
    }

    TEST_CASE("share allocates nothing per item") {
        for (const auto policy : {overflow::suspend, overflow::drop_oldest, overflow::latest}) {
            CHECK(support::allocations_for_more_items([=](int n) {
                      virtual_executor ex;
                      const auto shared = weir::iota(0, n) | weir::share({.capacity = 8, .overflow = policy});
                      auto one = ex.spawn(shared.subscribe() | weir::drain());
                      auto two = ex.spawn(shared.subscribe() | weir::drain());
                      ex.run(std::move(one));
                      ex.run(std::move(two));
                  }) == 0);
        }
    }

    TEST_CASE("share rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::share({.capacity = 0}), "weir::share({.capacity}): capacity must be at least 1",
                             std::invalid_argument);
        const auto shared = weir::iota(0, 1) | weir::share();
        CHECK_THROWS_AS(static_cast<void>(shared.subscribe({.capacity = 0})), std::invalid_argument);
    }

    TEST_CASE("share keeps the contract of a stream, with one copy per item and subscriber") {
        const auto through_share =
            weir::closure{[](auto s) { return (std::move(s) | weir::share({.capacity = 3})).subscribe(); }};
        CHECK(check_contract([&] { return through_share; }, {.prefetch = 3, .copies = 1}) == "");
    }
}
