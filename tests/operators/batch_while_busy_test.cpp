// SPDX-License-Identifier: MIT
#include <weir/operators/batch_while_busy.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
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
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using batches = std::vector<numbers>;

TEST_SUITE("operators/batch_while_busy") {
    TEST_CASE("batch_while_busy delivers each item in a batch of its own to a consumer that keeps up") {
        marbles m;
        CHECK(m.play(m.hot("a-[bc]-d|") | weir::batch_while_busy(9)) == "(a)-[(b)(c)]-(d)|");
        CHECK(m.play(m.cold("|") | weir::batch_while_busy(9)) == "|");
        CHECK(m.play(m.cold("-#") | weir::batch_while_busy(9)) == "-#");
        CHECK(m.play(m.cold("a...") | weir::batch_while_busy(9)) == "(a)...");
    }

    TEST_CASE("batch_while_busy delivers the items that arrived while the consumer was busy, up to the limit") {
        marbles m;
        CHECK(seen_when_busy(m, 6, m.hot("a-b-c-d-e-f---|") | weir::batch_while_busy(9)) == "(a)(bcd)(ef)|");
        CHECK(seen_when_busy(m, 6, m.cold("a-b-c-d-e-f---|") | weir::batch_while_busy(2)) == "(a)(bc)(de)(f)|");
    }

    TEST_CASE("batch_while_busy combines items with its functions") {
        marbles m;
        const auto text = [](char c) { return std::string(1, c); };
        const auto append = [](std::string s, char c) { return s + c; };
        CHECK(seen_when_busy(m, 6, m.hot("a-b-c-d-e-f---|") | weir::batch_while_busy(2, text, append)) ==
              "a<bc><de>f|");
        CHECK(seen_when_busy(m, 6, m.cold<int>("1-2-3-4|") | weir::batch_while_busy(2, std::plus{})) == "154|");
    }

    TEST_CASE("batch_while_busy delivers the held batch before the end and before an error") {
        marbles m;
        CHECK(seen_when_busy(m, 9, m.hot("abc|") | weir::batch_while_busy(9)) == "(a)(bc)|");
        CHECK(seen_when_busy(m, 9, m.cold("abc#") | weir::batch_while_busy(9)) == "(a)(bc)#");
    }

    TEST_CASE("batch_while_busy: an exception of its functions ends the stream") {
        marbles m;
        const auto fails = [](char, char) -> char { throw std::runtime_error{"f"}; };
        CHECK(seen_when_busy(m, 0, m.hot("a-b|") | weir::batch_while_busy(2, fails)) == "ab|");
        CHECK_THROWS_WITH(
            m.executor().run(m.cold("ab-c|") | weir::batch_while_busy(9, fails) |
                             weir::for_each([&](char) -> weir::task<> { co_await weir::sleep_for(m.ticks(9)); })),
            "f");
    }

    TEST_CASE("batch_while_busy polls upstream for no more than the limit while the consumer is busy") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 100; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::batch_while_busy(10)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 11);
        CHECK(sink.items() == batches{{0}});
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items().size() == 2);
        CHECK(sink.items()[1].size() == 10);
        CHECK(source.taken() == 21);
    }

    TEST_CASE("batch_while_busy pulls no more after its consumer has stopped") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c|") | weir::batch_while_busy(2) | weir::take(1)) == "[(a)|]");
    }

    TEST_CASE("batch_while_busy accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               weir::batch_while_busy(2) | weir::for_each([&](auto batch) {
                   for (const auto& item : batch) sum += *item;
               }));
        CHECK(sum == 15);
    }

    TEST_CASE("batch_while_busy loses no item and changes no order, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 300; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto max = std::uniform_int_distribution<std::size_t>{1, 4}(random);
            numbers all;
            for (const auto& batch : support::arrive_at_random(random, items, weir::batch_while_busy(max))) {
                CHECK(!batch.empty());
                CHECK(batch.size() <= max);
                all.insert(all.end(), batch.begin(), batch.end());
            }
            CHECK(all == items);
        }
    }

    TEST_CASE("batch_while_busy allocates only for its vectors") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::batch_while_busy(9) | weir::drain());
              }) == 2000);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::batch_while_busy(9, std::plus{}) | weir::drain());
              }) == 0);
    }

    TEST_CASE("batch_while_busy rejects a limit of 0") {
        CHECK_THROWS_WITH_AS(weir::batch_while_busy(0), "weir::batch_while_busy(max): max must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::batch_while_busy(-1, std::plus{}), std::invalid_argument);
    }

    TEST_CASE("batch_while_busy keeps the contract of a stream") {
        const auto size = weir::map([](auto batch) { return batch.size(); });
        CHECK(check_contract([&] { return weir::batch_while_busy(3) | size; }, {.prefetch = 3}) == "");
    }
}
