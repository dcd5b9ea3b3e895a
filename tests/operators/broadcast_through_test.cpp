// SPDX-License-Identifier: MIT
#include <weir/operators/broadcast_through.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/operators/delay.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;

namespace {

constexpr auto same = [](auto x) { return x; };
constexpr auto upper = [](char c) { return static_cast<char>(c - 'a' + 'A'); };

} // namespace

TEST_SUITE("operators/broadcast_through") {
    TEST_CASE("broadcast_through sends each item through all pipelines and merges the results") {
        marbles m;
        CHECK(m.play(m.hot("-a---b---|") | weir::broadcast_through(weir::map(same), weir::map(upper))) ==
              "-[aA]---[bB]---|");
        CHECK(m.play(m.cold("-a-----b--|") |
                     weir::broadcast_through(weir::map(same), weir::map(upper) | weir::delay(2ms))) == "-a-A---b-B--|");
        CHECK(m.play(m.cold("|") | weir::broadcast_through(weir::map(same), weir::map(same))) == "|");
        CHECK(m.play(m.cold("-a-#") | weir::broadcast_through(weir::map(same))) == "-a-#");
    }

    TEST_CASE("broadcast_through goes on without a pipeline that has ended") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c|") | weir::broadcast_through(weir::map(same), weir::map(upper) | weir::take(1))) ==
              "[aA]-b-c|");
    }

    TEST_CASE("broadcast_through: an error of a pipeline ends all") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 3; ++i) source.push(i);
        const auto fails = weir::map([](int x) { return x == 1 ? throw std::runtime_error{"pipeline"} : x; });
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::broadcast_through(weir::map(same), fails) | weir::drain()),
                          "pipeline");
        CHECK(source.dropped());
    }

    TEST_CASE("broadcast_through pulls nothing early, and few items for a busy consumer") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 100; ++i) source.push(i);
        const auto all = weir::filter([](int) { return true; });
        probe_sink sink{ex, source.stream() | weir::broadcast_through({.capacity = 1}, weir::map(same), all)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() <= 3);
        sink.request();
        ex.run_ready();
        CHECK(sink.items().size() == 200);
        sink.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("broadcast_through loses no result, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto seen = support::arrive_at_random(
                random, items, weir::broadcast_through(weir::map(same), weir::map([](int x) { return x + 100; })));
            numbers of_first;
            numbers of_second;
            for (const int x : seen) {
                if (x < 100) {
                    of_first.push_back(x);
                } else {
                    of_second.push_back(x - 100);
                }
            }
            CHECK(of_first == items);
            CHECK(of_second == items);
        }
    }

    TEST_CASE("broadcast_through allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::broadcast_through(weir::map(same), weir::map(same)) | weir::drain());
              }) == 0);
    }

    TEST_CASE("broadcast_through rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::broadcast_through({.capacity = 0}, weir::map(same)),
                             "weir::broadcast_through({.capacity}, pipelines...): capacity must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("broadcast_through keeps the contract of a stream, with a copy per pipeline") {
        CHECK(check_contract([] { return weir::broadcast_through({.capacity = 1}, weir::map(same)); },
                             {.prefetch = 2, .copies = 2}) == "");
    }
}
