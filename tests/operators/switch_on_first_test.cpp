// SPDX-License-Identifier: MIT
#include <weir/operators/switch_on_first.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using weir::switch_on_first;
using namespace weir::testing;

namespace {

constexpr auto all = [](const auto&, auto items) { return items; };
constexpr auto as_many_as_the_first = [](int n, auto items) { return std::move(items) | weir::take(n); };

} // namespace

TEST_SUITE("operators/switch_on_first") {
    TEST_CASE("switch_on_first gives the function the first item and the stream of all") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | switch_on_first(all)) == diagram);
        }
        marbles m;
        CHECK(m.play(m.hot<int>("--2--3--4--5--|") | switch_on_first(as_many_as_the_first)) == "--2--[3|]");
        CHECK(m.play(m.hot("--a--b--|") | switch_on_first([](char, auto items) {
                         return std::move(items) | weir::skip(1);
                     })) == "-----b--|");
        CHECK(m.play(m.hot("--a--b--|") | switch_on_first([](char c, auto) { return weir::just(c, 'x'); })) ==
              "--[ax|]");
        CHECK(support::seen_when_busy(m, 3, m.cold("ab--c#") | switch_on_first(all)) == "abc#");
    }

    TEST_CASE("switch_on_first calls its function once, and destroys upstream with the stream that has it") {
        virtual_executor ex;
        probe<int> source;
        int calls = 0;
        const auto count_calls = [&](int n, auto items) {
            ++calls;
            return as_many_as_the_first(n, std::move(items));
        };
        probe_sink sink{ex, source.stream() | switch_on_first(count_calls)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        for (const int x : {2, 3, 4}) source.push(x);
        ex.run_ready();
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.items() == numbers{2, 3});
        CHECK(source.taken() == 2);
        CHECK(source.dropped());
        CHECK(calls == 1);
    }

    TEST_CASE("switch_on_first: an exception of the function ends the stream") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        const auto throws = [](int x, auto items) {
            if (x == 1) throw std::runtime_error{"first"};
            return items;
        };
        probe_sink sink{ex, source.stream() | switch_on_first(throws)};
        sink.request();
        ex.run_ready();
        CHECK(sink.error_message() == "first");
        CHECK(source.dropped());
    }

    TEST_CASE("switch_on_first may be dropped by upstream and by its function") {
        support::drop_from_within([](auto s) { return std::move(s) | switch_on_first(all); });
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<int>>> sink;
        const auto drops = [&sink](int, auto items) {
            sink.reset();
            return items;
        };
        sink.emplace(ex, weir::async_stream<int>{weir::iota(0) | switch_on_first(drops)});
        sink->request();
        ex.run_ready();
        CHECK_FALSE(sink);
    }

    TEST_CASE("switch_on_first keeps the contract of a stream") {
        CHECK(check_contract([] { return switch_on_first(all); }) == "");
        CHECK(check_contract([] {
                  return switch_on_first([](const tracked&, auto items) {
                      return std::move(items) | weir::map([](tracked x) { return x; });
                  });
              }) == "");
    }

    TEST_CASE("switch_on_first moves its items, and allocates nothing per item") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 4) | weir::map([](int x) { return std::make_unique<int>(x); }) | switch_on_first(all) |
               weir::for_each([&](auto x) { sum += *x; }));
        CHECK(sum == 6);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | switch_on_first(all) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("switch_on_first agrees with a loop over a vector, whenever items arrive") {
        std::mt19937 random{20240910};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 12, 0, 9);
            auto expected = items;
            if (!items.empty()) expected.resize(std::min(items.size(), static_cast<std::size_t>(items[0])));
            CHECK(support::arrive_at_random(random, items, switch_on_first(as_many_as_the_first)) == expected);
        }
    }
}
