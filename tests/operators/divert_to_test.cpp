// SPDX-License-Identifier: MIT
#include <weir/operators/divert_to.hpp>

#include <doctest/doctest.h>

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
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::divert_to;

namespace {

constexpr auto upper = [](char c) { return c < 'a'; };
constexpr auto odd = [](int x) { return x % 2 != 0; };
constexpr auto never = [](const auto&) { return false; };

/// A sink that notes items, and is busy for some time with each.
auto notes(std::string& seen, weir::duration busy = {}) {
    return weir::for_each([&seen, busy](char c) -> weir::task<> {
        seen += c;
        if (busy != weir::duration{}) co_await weir::sleep_for(busy);
    });
}
auto notes(numbers& seen) {
    return weir::for_each([&seen](int x) { seen.push_back(x); });
}

} // namespace

TEST_SUITE("operators/divert_to") {
    TEST_CASE("divert_to sends the items for which the predicate holds to the sink, and the others on") {
        const char* diagrams[][3] = {{"--a--B--c--D--|", "--a-----c-----|", "BD"},
                                     {"|", "|", ""},
                                     {"A|", "-|", "A"},
                                     {"[AbC]-#", "b-#", "AC"},
                                     {"[aB#]", "[a#]", "B"}};
        for (const auto [in, out, diverted] : diagrams) {
            marbles m;
            std::string seen;
            CHECK(m.play(m.hot(in) | divert_to(notes(seen), upper)) == out);
            CHECK(seen == diverted);
        }
        marbles m;
        std::string seen;
        CHECK(support::seen_when_busy(m, 3, m.cold("aB-cDE-f|") | divert_to(notes(seen), upper)) == "acf|");
        CHECK(seen == "BDE");
    }

    TEST_CASE("divert_to holds an item for a busy sink, and then does not ask upstream; the end waits for the sink") {
        marbles m;
        std::string seen;
        CHECK(m.play(m.cold("ABcDe|") | divert_to(notes(seen, m.ticks(4)), upper)) == "----c---e---|");
        CHECK(seen == "ABD");
    }

    TEST_CASE("divert_to: later items for a sink that has ended are dropped, and the stream goes on") {
        virtual_executor ex;
        numbers seen;
        numbers passed;
        numbers dropped;
        ex.run(weir::iota(0, 8) | divert_to(weir::take(1) | notes(seen), odd, [&](int x) { dropped.push_back(x); }) |
               notes(passed));
        CHECK(seen == numbers{1});
        CHECK(passed == numbers{0, 2, 4, 6});
        CHECK(dropped == numbers{3, 5, 7});
    }

    TEST_CASE(
        "divert_to: an error of the sink ends the stream at once, and one of the predicate when the sink knows it") {
        virtual_executor ex;
        probe<int> source;
        const auto fails = weir::for_each([](int) { throw std::runtime_error{"sink"}; });
        probe_sink sink{ex, source.stream() | divert_to(fails, odd)};
        sink.request();
        ex.run_ready();
        source.push(1);
        ex.run_ready();
        CHECK(sink.error_message() == "sink");
        CHECK(source.dropped());

        probe<int> other;
        std::string known;
        const auto ask = [](auto items, std::string& text) -> weir::task<> {
            try {
                co_await (std::move(items) | weir::drain());
            } catch (const std::runtime_error& e) {
                text = e.what();
            }
        };
        const auto throws = [](int x) { return x == 2 ? throw std::runtime_error{"pred"} : odd(x); };
        probe_sink second{
            ex, other.stream() |
                    divert_to(weir::closure{[&](auto items) { return ask(std::move(items), known); }}, throws)};
        second.request();
        for (const int x : {4, 1, 2, 6}) other.push(x);
        ex.run_ready();
        CHECK(known == "pred");
        CHECK(second.error_message() == "pred");
        CHECK(second.items() == numbers{4});
        CHECK(other.dropped());
    }

    TEST_CASE("divert_to may be dropped by its predicate and by its sink") {
        for (const bool by_sink : {false, true}) {
            virtual_executor ex;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            const auto pred = [&](int x) {
                if (!by_sink && x == 3) sink.reset();
                return odd(x);
            };
            const auto drops = weir::for_each([&](int x) {
                if (by_sink && x == 3) sink.reset();
            });
            sink.emplace(ex, weir::async_stream<int>{weir::iota(0) | divert_to(drops, pred)});
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
        }
    }

    TEST_CASE("divert_to keeps the contract of a stream, moves its items, and allocates nothing per item") {
        CHECK(check_contract([] { return divert_to(weir::drain(), never); }) == "");
        virtual_executor ex;
        int sum = 0;
        const auto add = weir::for_each([&](const std::unique_ptr<int>& x) { sum += *x; });
        ex.run(weir::iota(0, 5) | weir::map([](int x) { return std::make_unique<int>(x); }) |
               divert_to(add, [](const auto& x) { return *x == 3; }) | add);
        CHECK(sum == 10);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | divert_to(weir::drain(), odd) | weir::drain());
              }) == 0);
        const auto hot = ex.spawn(weir::iota(0) | divert_to(weir::drain(), [](int) { return true; }) | weir::drain());
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(hot.finished());
    }

    TEST_CASE("divert_to agrees with a loop over a vector, whenever items arrive") {
        std::mt19937 random{20240911};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 12, 0, 9);
            numbers odd_ones;
            numbers others;
            for (const int x : items) (odd(x) ? odd_ones : others).push_back(x);
            numbers seen;
            CHECK(support::arrive_at_random(random, items, divert_to(notes(seen), odd)) == others);
            CHECK(seen == odd_ones);
        }
    }
}
