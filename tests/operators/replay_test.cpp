// SPDX-License-Identifier: MIT
#include <weir/operators/replay.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
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

#include <weir/core/overflow.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::overflow;

TEST_SUITE("operators/replay") {
    TEST_CASE("replay passes items, the end and errors to a single subscription") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play((m.hot(diagram) | weir::replay(2)).subscribe()) == diagram);
        }
    }

    TEST_CASE("replay: a later subscription starts with the last items, and goes on without a gap") {
        marbles m;
        const auto shared = m.hot("--a--b--c--d--|") | weir::replay(2);
        auto& ex = m.executor();
        std::string all;
        std::string late;
        std::string last;
        const auto first = ex.spawn(shared.subscribe() | weir::for_each([&](char c) { all += c; }));
        ex.advance(m.ticks(7));
        const auto second = ex.spawn(shared.subscribe() | weir::for_each([&](char c) { late += c; }));
        ex.run_ready();
        CHECK(late == "ab");
        ex.advance(m.ticks(5));
        const auto third = ex.spawn(shared.subscribe() | weir::for_each([&](char c) { last += c; }));
        ex.advance(m.ticks(9));
        CHECK(all == "abcd");
        CHECK(late == "abcd");
        CHECK(last == "cd");
    }

    TEST_CASE("replay delivers the last items to a subscription after the end or an error") {
        virtual_executor ex;
        const auto ended = weir::iota(0, 5) | weir::replay(3);
        ex.run(ended.subscribe() | weir::drain());
        auto rest = ended.subscribe();
        CHECK(rest.size() == 3);
        auto failed = weir::concat(weir::iota(0, 5), weir::fail<int>(std::runtime_error{"lost"})) | weir::replay(1);
        auto kept = failed.subscribe();
        CHECK_THROWS_WITH(ex.run(failed.subscribe() | weir::drain()), "lost");
        numbers seen;
        CHECK_THROWS_WITH(ex.run(failed.subscribe() | weir::for_each([&](int i) { seen.push_back(i); })), "lost");
        CHECK(seen == numbers{4});
        CHECK(ex.run(std::move(rest) | weir::to<std::vector>()) == numbers{2, 3, 4});
        CHECK(ex.run(ended.subscribe() | weir::to<std::vector>()) == numbers{2, 3, 4});
    }

    TEST_CASE("replay polls its source for a subscription, and drops it with the last one") {
        virtual_executor ex;
        probe<int> source;
        const auto shared = source.stream() | weir::replay(2);
        probe_sink one{ex, shared.subscribe()};
        source.push(0);
        source.push(1);
        ex.run_ready();
        CHECK(source.polls() == 0);
        one.request();
        ex.run_ready();
        CHECK(one.items() == numbers{0, 1});
        probe_sink two{ex, shared.subscribe()};
        two.request(1);
        ex.run_ready();
        CHECK(two.items() == numbers{0});
        one.drop();
        CHECK_FALSE(source.dropped());
        two.drop();
        CHECK(source.dropped());
        CHECK(ex.run(shared.subscribe() | weir::to<std::vector>()) == numbers{});
    }

    TEST_CASE("replay of a function: a new stream starts without the items of the last, five times") {
        virtual_executor ex;
        int started = 0;
        const auto shared = weir::replay(2, [&] {
            const int first = 10 * ++started;
            return weir::concat(weir::iota(first, first + 3), weir::never<int>());
        });
        for (int round = 1; round != 6; ++round) {
            probe_sink one{ex, shared.subscribe()};
            one.request();
            ex.run_ready();
            CHECK(one.items() == numbers{10 * round, 10 * round + 1, 10 * round + 2});
            probe_sink two{ex, shared.subscribe()};
            two.request();
            ex.run_ready();
            CHECK(two.items() == numbers{10 * round + 1, 10 * round + 2});
            CHECK(started == round);
        }
    }

    TEST_CASE("replay of a function: an exception from the function is an error of its subscriptions") {
        virtual_executor ex;
        const auto shared = weir::replay(2, []() -> decltype(weir::iota(0, 1)) { throw std::runtime_error{"no"}; });
        CHECK_THROWS_WITH(ex.run(shared.subscribe() | weir::drain()), "no");
    }

    TEST_CASE("replay holds no more items than its limit") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(0);
        probe<std::shared_ptr<int>> source;
        for (int i = 0; i != 1000; ++i) source.push(alive);
        const auto shared = source.stream() | weir::replay(5, {.capacity = 3});
        auto stuck = shared.subscribe({.capacity = 2, .overflow = overflow::drop_oldest});
        const auto reading = ex.spawn(shared.subscribe() | weir::drain());
        ex.run_ready();
        CHECK(source.taken() == 1000);
        CHECK(alive.use_count() == 1 + 5 + 2);
    }

    TEST_CASE("replay: a subscription fails if the last items cannot be copied") {
        struct brittle {
            explicit brittle(bool* f) : fails{f} {}
            brittle(const brittle& other) : fails{other.fails} {
                if (*fails) throw std::runtime_error{"copy"};
            }
            brittle(brittle&&) noexcept = default;
            bool* fails;
        };
        virtual_executor ex;
        bool fails = false;
        probe<brittle> source;
        source.push(brittle(&fails));
        const auto shared = source.stream() | weir::replay(2);
        probe_sink sink{ex, shared.subscribe()};
        sink.request();
        ex.run_ready();
        CHECK(sink.items().size() == 1);
        fails = true;
        CHECK_THROWS_WITH(static_cast<void>(shared.subscribe()), "copy");
        source.push(brittle(&fails));
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(source.dropped());
    }

    TEST_CASE("replay: a subscription at any time sees the last items and every later one, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            virtual_executor ex;
            const auto n = std::uniform_int_distribution<std::size_t>{1, 5}(random);
            const auto before = support::random_numbers(random, 10, 0, 9);
            const auto after = support::random_numbers(random, 10, 0, 9);
            probe<int> source;
            const auto shared = source.stream() | weir::replay(n, {.capacity = 2});
            probe_sink all{ex, shared.subscribe()};
            all.request();
            for (const int x : before) source.push(x);
            ex.run_ready();
            probe_sink late{ex, shared.subscribe()};
            for (const int x : after) {
                source.push(x);
                if (x % 2 == 0) ex.run_ready();
                if (x % 3 == 0) late.request(1);
            }
            source.end();
            late.request();
            ex.run_ready();
            numbers expected(before.end() - static_cast<std::ptrdiff_t>(std::min(n, before.size())), before.end());
            expected.insert(expected.end(), after.begin(), after.end());
            CHECK(late.items() == expected);
            CHECK(late.ended());
        }
    }

    TEST_CASE("replay allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  const auto shared = weir::iota(0, n) | weir::replay(10, {.capacity = 8});
                  auto one = ex.spawn(shared.subscribe() | weir::drain());
                  ex.run(shared.subscribe() | weir::drain());
                  ex.run(std::move(one));
              }) == 0);
    }

    TEST_CASE("replay rejects a number of 0 and a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::replay(0),
                             "weir::replay(n): n must be at least 1; without items to replay, write share()",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::replay(-1, [] { return weir::iota(0, 1); }), std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::replay(1, {.capacity = 0}), "weir::replay({.capacity}): capacity must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("replay keeps the contract of a stream, with two copies per item") {
        const auto through_replay =
            weir::closure{[](auto s) { return (std::move(s) | weir::replay(2, {.capacity = 3})).subscribe(); }};
        CHECK(check_contract([&] { return through_replay; }, {.prefetch = 3, .copies = 2}) == "");
    }
}
