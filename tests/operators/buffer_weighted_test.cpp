// SPDX-License-Identifier: MIT
#include <weir/operators/buffer_weighted.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::buffer_weighted;

namespace {

constexpr auto value = [](int x) { return x; };

} // namespace

TEST_SUITE("operators/buffer_weighted") {
    TEST_CASE("buffer_weighted delivers every item, the end and errors, at any pace of the consumer") {
        for (const char* diagram : {"|", "#", "--|", "1-2-3|", "1-[23]-#", "[123|]", "[123#]", "1-2..."}) {
            marbles m;
            CHECK(m.play(m.hot<int>(diagram) | buffer_weighted(3, value)) == diagram);
        }
        marbles m;
        CHECK(support::seen_when_busy(m, 8, m.cold<int>("2-1-3-1-1#") | buffer_weighted(4, value)) == "21311#");
    }

    TEST_CASE("buffer_weighted asks while the items held weigh less than max, and again when half of it is free") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | buffer_weighted(4, value)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        for (const int x : {1, 1, 1, 9, 1, 3, 1}) source.push(x);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 4); // 1, 1 and 9 are held
        sink.request(2);
        ex.run_ready();
        CHECK(source.taken() == 4); // 9
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 6); // 1, 3
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 6); // 3 is more than half
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 7);
        CHECK(sink.items() == numbers{1, 1, 1, 9, 1, 3});
    }

    TEST_CASE("buffer_weighted delivers what is held before an exception of weigh and before a negative weight") {
        for (const bool throws : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            const auto weigh = [=](int x) { return x == 9 && throws ? throw std::runtime_error{"weigh"} : 5 - x; };
            probe_sink sink{ex, source.stream() | buffer_weighted(99, weigh)};
            sink.request(1);
            for (const int x : {4, 3, 9, 4}) source.push(x);
            ex.run_ready();
            CHECK(source.dropped());
            sink.request();
            ex.run_ready();
            CHECK(sink.items() == numbers{4, 3});
            CHECK(sink.error_message() ==
                  (throws ? "weigh" : "weir::buffer_weighted(max, weigh): a weight is negative"));
        }
    }

    TEST_CASE("buffer_weighted may be dropped by weigh, and rejects a max of 0") {
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<int>>> sink;
        const auto weigh = [&](int x) {
            if (x == 3) sink.reset();
            return 1;
        };
        sink.emplace(ex, weir::async_stream<int>{weir::iota(0) | buffer_weighted(9, weigh)});
        sink->request(1);
        ex.run_ready();
        CHECK_FALSE(sink);
        CHECK_THROWS_WITH_AS(buffer_weighted(0, value), "weir::buffer_weighted(max, weigh): max must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("buffer_weighted keeps the contract of a stream, moves its items, and allocates nothing per item") {
        CHECK(check_contract([] { return buffer_weighted(6, [](int) { return 2; }); }, {.prefetch = 3}) == "");
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 5) | weir::map([](int x) { return std::make_unique<int>(x); }) |
               buffer_weighted(3, [](const auto& x) { return *x; }) | weir::for_each([&](auto x) { sum += *x; }));
        CHECK(sum == 10);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | buffer_weighted(8, [](int) { return 1; }) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("buffer_weighted loses no item and changes no order, whenever items arrive and whatever they weigh") {
        std::mt19937 random{20240913};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 20, 0, 6);
            const auto weigh = [](int x) {
                return x == 6 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(x);
            };
            const auto most = 1 + random() % 6;
            CHECK(support::arrive_at_random(random, items, buffer_weighted(most, weigh)) == items);
        }
    }
}
