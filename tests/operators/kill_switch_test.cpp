// SPDX-License-Identifier: MIT
#include <weir/operators/kill_switch.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using weir::kill;
using weir::state;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/kill_switch") {
    TEST_CASE("kill_switch: items, the end and errors pass while nothing is killed") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::kill_switch(state{kill::none})) == diagram);
        }
    }

    TEST_CASE("kill_switch: the stream ends or fails when the state changes, and takes no item of that tick") {
        for (const kill how : {kill::drain, kill::stop}) {
            for (const char* diagram : {"--a--b--c--d--|", "--a--b-c-d|", "--a--b-|", "--a--b-#"}) {
                marbles m;
                m.error('!', weir::killed{});
                const state control{kill::none};
                const auto killing =
                    m.executor().spawn(m.hot("-------k") | weir::for_each([&](char) { control.set(how); }));
                CHECK(m.play(m.hot(diagram) | weir::kill_switch(control)) ==
                      (how == kill::drain ? "--a--b-|" : "--a--b-!"));
            }
        }
    }

    TEST_CASE("kill_switch: upstream is destroyed at the change, while the consumer waits and before it sees the end") {
        virtual_executor ex;
        const state control{kill::none};
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::kill_switch(control)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request();
        ex.run_ready();
        CHECK(source.waiting());
        control.set(kill::none);
        ex.run_ready();
        CHECK_FALSE(source.dropped());
        control.set(kill::drain);
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(sink.ended());
    }

    TEST_CASE("kill_switch: what is behind it finishes after a drain, and is dropped after a stop") {
        for (const kill how : {kill::drain, kill::stop}) {
            virtual_executor ex;
            const state control{kill::none};
            numbers stored;
            const auto store = [&](int x) -> weir::task<int> {
                co_await weir::sleep_for(std::chrono::milliseconds{10});
                stored.push_back(x);
                co_return x;
            };
            auto importing =
                ex.spawn(weir::iota(0) | weir::kill_switch(control) | weir::map_async(3, store) | weir::drain());
            ex.advance(std::chrono::milliseconds{1});
            control.set(how);
            if (how == kill::drain) {
                ex.run(std::move(importing));
                CHECK(stored == numbers{0, 1, 2});
            } else {
                ex.advance(std::chrono::milliseconds{10});
                CHECK_THROWS_AS(ex.run(std::move(importing)), weir::killed);
            }
        }
    }

    TEST_CASE("kill_switch: a consumer that pulls it gets no further item") {
        virtual_executor ex;
        const state control{kill::none};
        numbers seen;
        const auto note = [&](int i) {
            seen.push_back(i);
            if (i == 2) control.set(kill::drain);
        };
        ex.run(weir::iota(0, 10) | weir::kill_switch(control) | weir::for_each(note));
        CHECK(seen == numbers{0, 1, 2});
    }

    TEST_CASE("kill_switch: one state ends several streams, and those that start later at once") {
        virtual_executor ex;
        const state control{kill::none};
        auto one = ex.spawn(weir::never<int>() | weir::kill_switch(control) | weir::drain());
        auto two = ex.spawn(weir::never<int>() | weir::kill_switch(control) | weir::drain());
        ex.run_ready();
        control.set(kill::drain);
        ex.run(std::move(one));
        ex.run(std::move(two));
        probe<int> source;
        source.push(1);
        ex.run(source.stream() | weir::kill_switch(control) | weir::drain());
        CHECK(source.polls() == 0);
        CHECK(source.dropped());
    }

    TEST_CASE("kill_switch passes a part from the front, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::kill_switch(state{kill::none})) == items);
            const auto most = std::uniform_int_distribution<std::size_t>{1, 10}(random);
            const state control{kill::none};
            std::size_t passed = 0;
            const auto count = weir::map([&](int x) {
                if (++passed == most) control.set(kill::drain);
                return x;
            });
            auto expected = items;
            if (expected.size() > most) expected.resize(most);
            virtual_executor ex;
            CHECK(ex.run(weir::from_range(items) | weir::kill_switch(control) | count | weir::to<std::vector>()) ==
                  expected);
        }
    }

    TEST_CASE("kill_switch allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::kill_switch(state{kill::none}) | weir::drain());
              }) == 0);
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                     weir::kill_switch(state{kill::none}) | weir::to<std::vector>())
                  .size() == 3);
    }

    TEST_CASE("kill_switch keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::kill_switch(state{kill::none}); }) == "");
    }
}
