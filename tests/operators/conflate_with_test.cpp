// SPDX-License-Identifier: MIT
#include <weir/operators/conflate_with.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using support::seen_when_busy;
using weir::testing::check_contract;
using weir::testing::contract_options;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

constexpr auto text = [](char c) { return std::string(1, c); };
constexpr auto append = [](std::string s, char c) { return s + c; };
constexpr auto newest = [](char, char c) { return c; };

} // namespace

TEST_SUITE("operators/conflate_with") {
    TEST_CASE("conflate_with delivers every item, the end and errors to a consumer that keeps up") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abcdef|]", "[abcdef#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::conflate_with(newest)) == diagram);
        }
    }

    TEST_CASE("conflate_with combines the items that arrived while the consumer was busy") {
        marbles m;
        CHECK(seen_when_busy(m, 6, m.hot("a-b-c-d-e-f---|") | weir::conflate_with(text, append)) == "a<bcd><ef>|");
        CHECK(seen_when_busy(m, 6, m.cold("a-b-c-d-e-f---|") | weir::conflate_with(newest)) == "adf|");
        CHECK(seen_when_busy(m, 1, m.cold("a-b-c|") | weir::conflate_with(text, append)) == "abc|");
    }

    TEST_CASE("conflate_with delivers the held value before the end and before an error") {
        marbles m;
        CHECK(seen_when_busy(m, 9, m.hot("abc|") | weir::conflate_with(text, append)) == "a<bc>|");
        CHECK(seen_when_busy(m, 9, m.cold("abc#") | weir::conflate_with(text, append)) == "a<bc>#");
    }

    TEST_CASE("conflate_with: an exception of its functions ends the stream") {
        marbles m;
        const auto fails = [](auto&&...) -> char { throw std::runtime_error{"f"}; };
        CHECK(m.play(m.hot("-a|") | weir::conflate_with(fails, fails)) == "-#");
        virtual_executor ex;
        probe<char> source;
        probe_sink sink{ex, source.stream() | weir::conflate_with(fails)};
        sink.request(1);
        ex.run_ready();
        source.push('a');
        ex.run_ready();
        CHECK(sink.items() == std::vector{'a'});
        source.push('b');
        source.push('c');
        ex.run_ready();
        CHECK(source.dropped());
        sink.request();
        ex.run_ready();
        CHECK(sink.error() != nullptr);
        CHECK(sink.items() == std::vector{'a'});
    }

    TEST_CASE("conflate_with: a map keeps the newest item per key") {
        virtual_executor ex;
        using newest_by_key = std::map<int, int>;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::conflate_with([](int x) { return newest_by_key{{x % 2, x}}; },
                                                                  [](newest_by_key m, int x) {
                                                                      m[x % 2] = x;
                                                                      return m;
                                                                  })};
        sink.request(1);
        ex.run_ready();
        for (int i = 0; i != 6; ++i) source.push(i);
        ex.run_ready();
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector<newest_by_key>{{{0, 0}}, {{0, 4}, {1, 5}}});
    }

    TEST_CASE("conflate_with polls upstream from the first poll on, as long as the consumer is busy") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 100; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::conflate_with(std::plus{})};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 100);
        CHECK(sink.items() == numbers{0});
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 99 * 100 / 2});
    }

    TEST_CASE("conflate_with holds one value while its consumer is stuck") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(0);
        probe<std::shared_ptr<int>> source;
        for (int i = 0; i != 1000; ++i) source.push(alive);
        probe_sink sink{ex, source.stream() | weir::conflate_with([](auto, auto b) { return b; })};
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1000);
        CHECK(alive.use_count() == 3); // here, at the consumer, and held
    }

    TEST_CASE("conflate_with pulls no more after its consumer has stopped") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c|") | weir::conflate_with(newest) | weir::take(1)) == "[a|]");
    }

    TEST_CASE("conflate_with accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               weir::conflate_with([](auto a, auto b) { return std::make_unique<int>(*a + *b); }) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("conflate_with loses no item and changes no order, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 300; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto values = support::arrive_at_random(random, items,
                                                          weir::conflate_with([](int x) { return numbers{x}; },
                                                                              [](numbers v, int x) {
                                                                                  v.push_back(x);
                                                                                  return v;
                                                                              }));
            numbers all;
            for (const auto& v : values) all.insert(all.end(), v.begin(), v.end());
            CHECK(all == items);
            const auto sums = support::arrive_at_random(random, items, weir::conflate_with(std::plus{}));
            CHECK(std::accumulate(sums.begin(), sums.end(), 0) == std::accumulate(items.begin(), items.end(), 0));
        }
    }

    TEST_CASE("conflate_with allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::conflate_with([](int, int b) { return b; }) | weir::drain());
              }) == 0);
    }

    TEST_CASE("conflate_with keeps the contract of a stream") {
        const contract_options eager{.prefetch = contract_options::any_number};
        CHECK(check_contract([] { return weir::conflate_with([](auto, auto b) { return b; }); }, eager) == "");
    }
}
