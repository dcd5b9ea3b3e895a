// SPDX-License-Identifier: MIT
#include <weir/operators/take.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/take.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

TEST_SUITE("operators/take") {
    TEST_CASE("take emits the first n items and then ends") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-c-d|") | weir::take(2)) == "-a-[b|]");
        CHECK(m.play(m.cold("a-b|") | weir::take(2)) == "a-[b|]");
        CHECK(m.play(m.cold("a-b|") | weir::take(3)) == "a-b|");
        CHECK(m.play(weir::empty<int>() | weir::take(3)) == "|");
    }

    TEST_CASE("take(0) ends at once and never polls upstream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b|") | weir::take(0)) == "|");
        virtual_executor ex;
        weir::testing::probe<int> source;
        ex.run(source.stream() | weir::take(0) | weir::drain());
        CHECK(source.polls() == 0);
    }

    TEST_CASE("take passes an error before its last item, and does not see a later one") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("a-#") | weir::take(2)) == "a-#");
        CHECK(m.play(m.cold("a-#") | weir::take(1)) == "[a|]");
    }

    TEST_CASE("take keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::take(0); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take(3); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::take(100); }) == "");
    }

    TEST_CASE("take: a negative number is rejected when the pipeline is built") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::take(-1)), "weir::take(n): n is negative", std::invalid_argument);
    }

    TEST_CASE("take(2) below a flattening operator stops the source before it emits its last item") {
        int emitted = 0;
        auto held = std::make_shared<int>(0);
        const auto source = [](int& count, std::shared_ptr<int>) -> weir::async_stream<int> {
            for (; count != 3; ++count) {
                co_yield int{count};
                co_await weir::sleep_for(1ms);
            }
        };
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, source(emitted, held) |
                                               weir::map_concat([](int x) { return std::vector{x}; }) | weir::take(2)};
        sink.request();
        ex.run_until_idle();
        CHECK(sink.items() == std::vector{0, 1});
        CHECK(sink.ended());
        CHECK(emitted == 1);
        CHECK(held.use_count() == 1);
    }

    TEST_CASE("take drops upstream at its end, before it is destroyed itself") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.push(1);
        weir::testing::probe_sink sink{ex, source.stream() | weir::take(1)};
        sink.request(1);
        ex.run_ready();
        CHECK_FALSE(source.dropped());
        sink.request(1);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());
        CHECK(source.polls() == 1);
    }

    TEST_CASE("take accepts move-only items") {
        virtual_executor ex;
        const auto kept = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::take(1) |
                                 weir::to<std::vector>());
        CHECK(kept.size() == 1);
    }

    TEST_CASE("take agrees with views::take, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            const int n = i % 23;
            CHECK(support::arrive_at_random(random, numbers, weir::take(n)) ==
                  (numbers | ranges::views::take(n) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("take allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0) | weir::take(n) | weir::drain());
              }) == 0);
    }
}
