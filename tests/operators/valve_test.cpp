// SPDX-License-Identifier: MIT
#include <weir/operators/valve.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using weir::state;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/valve") {
    TEST_CASE("valve passes items, the end and errors while it is open") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::valve(state{true})) == diagram);
        }
    }

    TEST_CASE("valve does not poll upstream while it is closed") {
        for (const bool fails : {false, true}) {
            marbles m;
            const state open{true};
            const auto control = m.executor().spawn(m.hot<bool>("t---f----t------f-t", {{'t', true}, {'f', false}}) |
                                                    weir::for_each([&](bool b) { open.set(b); }));
            CHECK(m.play(m.hot(fails ? "--a--b--c--d--e--#" : "--a--b--c--d--e--|") | weir::valve(open)) ==
                  (fails ? "--a------[bc]-d--e---#" : "--a------[bc]-d--e---|"));
        }
    }

    TEST_CASE("valve: a stream starts when its valve is opened, and never while it is closed") {
        virtual_executor ex;
        const state open{false};
        probe<int> source;
        source.push(1);
        source.end();
        probe_sink sink{ex, source.stream() | weir::valve(open)};
        sink.request();
        ex.run_ready();
        CHECK(source.polls() == 0);
        open.set(false);
        ex.run_ready();
        CHECK(source.polls() == 0);
        open.set(true);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.ended());
    }

    TEST_CASE("valve delivers no further item after its consumer has closed it") {
        virtual_executor ex;
        const state open{true};
        numbers seen;
        const auto reading = ex.spawn(weir::iota(0, 10) | weir::valve(open) | weir::for_each([&](int i) {
                                          seen.push_back(i);
                                          if (i % 3 == 2) open.set(false);
                                      }));
        ex.run_ready();
        CHECK(seen == numbers{0, 1, 2});
        open.set(true);
        ex.run_ready();
        CHECK(seen == numbers{0, 1, 2, 3, 4, 5});
    }

    TEST_CASE("valve: an item that was requested before waits until the valve is open again") {
        virtual_executor ex;
        const state open{true};
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::valve(open)};
        sink.request();
        ex.run_ready();
        CHECK(source.waiting());
        open.set(false);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items().empty());
        CHECK(source.taken() == 0);
        open.set(true);
        open.set(false);
        ex.run_ready();
        CHECK(sink.items().empty());
        open.set(true);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
    }

    TEST_CASE("valve: one state pauses several streams, and may be destroyed before them") {
        virtual_executor ex;
        probe<int> source;
        auto open = std::make_unique<state<bool>>(false);
        probe_sink one{ex, source.stream() | weir::valve(*open)};
        probe_sink two{ex, weir::iota(0, 3) | weir::valve(*open) | weir::take(2)};
        one.request();
        two.request();
        ex.run_ready();
        CHECK(two.items().empty());
        open->set(true);
        open.reset();
        ex.run_ready();
        CHECK(source.waiting());
        CHECK(two.items() == numbers{0, 1});
        CHECK(two.ended());
    }

    TEST_CASE("valve: a stream that is dropped while the valve is closed drops upstream") {
        virtual_executor ex;
        const state open{false};
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::valve(open)};
        sink.request();
        ex.run_ready();
        sink.drop();
        CHECK(source.dropped());
        open.set(true);
        ex.run_ready();
    }

    TEST_CASE("valve loses no item while it is opened and closed, whenever items arrive") {
        std::mt19937 random{1};
        std::bernoulli_distribution coin;
        for (int i = 0; i != 300; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            virtual_executor ex;
            const state open{coin(random)};
            probe<int> source;
            probe_sink sink{ex, source.stream() | weir::valve(open)};
            sink.request();
            for (const int item : items) {
                source.push(item);
                if (coin(random)) open.set(coin(random));
                if (coin(random)) ex.run_ready();
            }
            source.end();
            open.set(true);
            ex.run_ready();
            CHECK(sink.items() == items);
            CHECK(sink.ended());
        }
    }

    TEST_CASE("valve allocates nothing per item, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::valve(state{true}) | weir::drain());
              }) == 0);
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                     weir::valve(state{true}) | weir::to<std::vector>())
                  .size() == 3);
    }

    TEST_CASE("valve keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::valve(state{true}); }) == "");
    }
}
