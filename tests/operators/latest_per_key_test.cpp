// SPDX-License-Identifier: MIT
#include <weir/operators/latest_per_key.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <set>
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

/// The case of a letter.
constexpr auto upper = [](char c) { return c < 'a'; };
constexpr auto tens = [](int x) { return x / 10; };

} // namespace

TEST_SUITE("operators/latest_per_key") {
    TEST_CASE("latest_per_key delivers every item, the end and errors to a consumer that keeps up") {
        for (const char* diagram : {"|", "#", "--|", "a-b-C|", "a-[bC]-#", "[aBcDef|]", "[abCdef#]", "a-B..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::latest_per_key(9, upper)) == diagram);
        }
    }

    TEST_CASE("latest_per_key delivers the newest item of each key to a busy consumer, in turn") {
        marbles m;
        CHECK(seen_when_busy(m, 7, m.cold("a--B--c--D--e----|") | weir::latest_per_key(9, upper)) == "aBeD|");
        CHECK(seen_when_busy(m, 9, m.cold("aBcDefG#") | weir::latest_per_key(9, upper)) == "aGf#");
        CHECK(m.play(m.cold("a-B-c|") | weir::latest_per_key(9, upper) | weir::take(1)) == "[a|]");
    }

    TEST_CASE("latest_per_key passes replaced items to on_drop, and waits when n keys have an item") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::latest_per_key(2, tens, [&](int x) { dropped.push_back(x); })};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        for (const int x : {10, 11, 12, 20, 21, 22, 30}) source.push(x);
        ex.run_ready();
        CHECK(sink.items() == numbers{10});
        CHECK(source.taken() == 4); // 11, 12 and then 20, with which two keys have an item
        CHECK(dropped == numbers{11});
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{10, 12});
        sink.request();
        ex.run_ready();
        source.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.items().size() + dropped.size() == 7);
    }

    TEST_CASE("latest_per_key: an exception of key comes after the items held") {
        virtual_executor ex;
        probe<int> source;
        const auto key = [](int x) { return x == 11 ? throw std::runtime_error{"key"} : x / 10; };
        probe_sink sink{ex, source.stream() | weir::latest_per_key(9, key)};
        sink.request(1);
        ex.run_ready();
        for (const int x : {30, 20, 10, 11}) source.push(x);
        ex.run_ready();
        CHECK(source.dropped());
        sink.request();
        ex.run_ready();
        CHECK(sink.error_message() == "key");
        CHECK(sink.items() == numbers{30, 20, 10});
    }

    TEST_CASE("latest_per_key holds an item per key while its consumer is stuck") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(0);
        probe<std::shared_ptr<int>> source;
        for (int i = 0; i != 1000; ++i) source.push(alive);
        const auto in_turn = [n = 0](const auto&) mutable { return ++n % 3; };
        probe_sink sink{ex, source.stream() | weir::latest_per_key(9, in_turn)};
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1000);
        CHECK(alive.use_count() == 5); // here, at the consumer, and held
    }

    TEST_CASE("latest_per_key delivers or drops each item, in the order of its key, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 300; ++i) {
            const auto n = std::uniform_int_distribution<std::size_t>{1, 5}(random);
            auto items = support::random_numbers(random, 30, 0, 3);
            for (std::size_t k = 0; k != items.size(); ++k) items[k] = items[k] * 1000 + static_cast<int>(k);
            const auto key = [](int x) { return x / 1000; };
            std::size_t dropped = 0;
            const auto seen =
                support::arrive_at_random(random, items, weir::latest_per_key(n, key, [&](int) { ++dropped; }));
            CHECK(seen.size() + dropped == items.size());
            std::map<int, int> last;
            for (const int x : seen) {
                CHECK((!last.contains(key(x)) || last[key(x)] < x));
                last[key(x)] = x;
            }
            std::map<int, int> newest;
            for (const int x : items) newest[key(x)] = x;
            CHECK(last == newest);
        }
    }

    TEST_CASE("latest_per_key allocates nothing per item, also with more than n keys, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::latest_per_key(4, [](int x) { return x % 100; }) | weir::drain());
              }) == 0);
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) |
               weir::latest_per_key(9, [](const auto& x) { return std::to_string(*x % 2); }) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("latest_per_key_frames emits all that is held as one vector, with one item for each key") {
        marbles m;
        CHECK(m.play(m.hot("a-B-c|") | weir::latest_per_key_frames(9, upper)) == "(a)-(B)-(c)|");
        for (const char* diagram : {"|", "#", "--|", "--#"}) {
            CHECK(m.play(m.hot(diagram) | weir::latest_per_key_frames(9, upper)) == diagram);
        }
        CHECK(seen_when_busy(m, 7, m.cold("a--B--c--D--e----|") | weir::latest_per_key_frames(9, upper)) ==
              "(a)(Bc)(De)|");
        CHECK(seen_when_busy(m, 9, m.cold("aBcDefG#") | weir::latest_per_key_frames(9, upper)) == "(a)(Gf)#");
        CHECK(m.play(m.cold("a-B-c|") | weir::latest_per_key_frames(9, upper) | weir::take(1)) == "[(a)|]");
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex,
                        source.stream() | weir::latest_per_key_frames(2, tens, [&](int x) { dropped.push_back(x); })};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        for (const int x : {10, 11, 12, 20, 21, 22, 30}) source.push(x);
        ex.run_ready();
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector<numbers>{{10}, {12, 20}});
        sink.request();
        source.end();
        ex.run_ready();
        CHECK(sink.ended());
        std::size_t seen = dropped.size();
        for (const auto& frame : sink.items()) seen += frame.size();
        CHECK(seen == 7);
        CHECK_THROWS_WITH_AS(weir::latest_per_key_frames(0, tens),
                             "weir::latest_per_key_frames(n, key): n must be at least 1", std::invalid_argument);
    }

    TEST_CASE("latest_per_key_frames delivers or drops each item, and no key twice in a frame, whenever items arrive") {
        std::mt19937 random{5};
        for (int i = 0; i != 300; ++i) {
            const auto n = std::uniform_int_distribution<std::size_t>{1, 5}(random);
            auto items = support::random_numbers(random, 30, 0, 3);
            for (std::size_t k = 0; k != items.size(); ++k) items[k] = items[k] * 1000 + static_cast<int>(k);
            const auto key = [](int x) { return x / 1000; };
            std::size_t dropped = 0;
            std::size_t seen = 0;
            std::map<int, int> last;
            const auto note = [&](std::vector<int> frame) {
                std::set<int> keys;
                CHECK_FALSE(frame.empty());
                CHECK(frame.size() <= n);
                for (const int x : frame) {
                    CHECK(keys.insert(key(x)).second);
                    CHECK((!last.contains(key(x)) || last[key(x)] < x));
                    last[key(x)] = x;
                }
                seen += frame.size();
                return 0;
            };
            static_cast<void>(support::arrive_at_random(
                random, items, weir::latest_per_key_frames(n, key, [&](int) { ++dropped; }) | weir::map(note)));
            CHECK(seen + dropped == items.size());
        }
    }

    TEST_CASE("latest_per_key rejects n of 0") {
        CHECK_THROWS_WITH_AS(weir::latest_per_key(0, tens), "weir::latest_per_key(n, key): n must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("latest_per_key keeps the contract of a stream") {
        const contract_options eager{.prefetch = contract_options::any_number};
        CHECK(check_contract([] { return weir::latest_per_key(9, [](int) { return 0; }); }, eager) == "");
        const auto size = weir::map([](const auto& frame) { return static_cast<int>(frame.size()); });
        CHECK(check_contract([&] { return weir::latest_per_key_frames(9, [](int) { return 0; }) | size; }, eager) ==
              "");
        CHECK(check_contract([] { return weir::latest_per_key(1, [](int) { return 0; }); }, {.prefetch = 1}) == "");
    }
}
