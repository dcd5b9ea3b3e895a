// SPDX-License-Identifier: MIT
#include <weir/operators/hold.hpp>

#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::numbers;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/hold") {
    TEST_CASE("hold passes on items, the end and errors") {
        for (const char* diagram : {"|", "#", "a-b-c|", "a-[bc]-#", "[abc|]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | weir::hold(weir::state{' '})) == diagram);
        }
        marbles m;
        CHECK(m.play(m.hot("a-b|") | weir::hold(weir::state{' '}) | weir::take(1)) == "[a|]");
    }

    TEST_CASE("hold stores the newest item that its consumer has pulled") {
        virtual_executor ex;
        const weir::state current{-1};
        probe<int> source;
        for (int i = 0; i != 5; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::hold(current)};
        ex.run_ready();
        CHECK(current.get() == -1);
        CHECK(source.polls() == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(current.get() == 1);
        CHECK(current.version() == 3);
        CHECK(source.taken() == 2);
        sink.drop();
        CHECK(current.get() == 1);
    }

    TEST_CASE("hold: the state is set before the consumer has the item") {
        virtual_executor ex;
        const weir::state current{0};
        numbers seen;
        ex.run(weir::iota(1, 4) | weir::hold(current) | weir::for_each([&](int) { seen.push_back(current.get()); }));
        CHECK(seen == numbers{1, 2, 3});
    }

    TEST_CASE("hold: a slow watcher sees the newest item, and a late one the current item") {
        marbles m;
        const weir::state current{'-'};
        std::string seen;
        std::string late;
        const auto feeding = m.executor().spawn(m.hot("a-b-c-d-e-f-|") | weir::hold(current) | weir::drain());
        const auto slow = m.executor().spawn(current.watch() | weir::for_each([&](char c) -> weir::task<> {
                                                 seen += c;
                                                 co_await weir::sleep_for(m.ticks(5));
                                             }));
        m.executor().advance(m.ticks(6));
        const auto other = m.executor().spawn(current.watch() | weir::for_each([&](char c) { late += c; }));
        m.executor().advance(m.ticks(20));
        CHECK(seen == "acf");
        CHECK(late == "def");
    }

    TEST_CASE("hold: watchers end with the last copy of the state, which the stream may have") {
        virtual_executor ex;
        weir::state current{0};
        auto watching = ex.spawn(current.watch() | weir::to<std::vector>());
        ex.run(weir::iota(1, 3) | weir::hold(std::move(current)) | weir::drain());
        CHECK(ex.run(std::move(watching)) == numbers{0, 2});
    }

    TEST_CASE("hold converts items to the type of the state") {
        virtual_executor ex;
        const weir::state<std::string> current{"none"};
        ex.run(weir::just("one", "two") | weir::hold(current) | weir::drain());
        CHECK(current.get() == "two");
    }

    TEST_CASE("hold: an item whose copy fails ends the stream and leaves the state") {
        struct brittle {
            explicit brittle(int v) : value{v} {}
            brittle(const brittle& other) : value{other.value} {
                if (value == 2) throw std::runtime_error{"copy"};
            }
            brittle(brittle&&) noexcept = default;
            brittle& operator=(brittle&&) noexcept = default;
            int value;
        };
        virtual_executor ex;
        const weir::state current{brittle(0)};
        probe<brittle> source;
        source.push(brittle(1));
        source.push(brittle(2));
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::hold(current) | weir::drain()), "copy");
        CHECK(current.get().value == 1);
        CHECK(source.dropped());
    }

    TEST_CASE("hold passes items unchanged and stores the last one, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const weir::state current{-1};
            CHECK(support::arrive_at_random(random, items, weir::hold(current)) == items);
            CHECK(current.get() == (items.empty() ? -1 : items.back()));
            CHECK(current.version() == items.size() + 1);
        }
    }

    TEST_CASE("hold allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::hold(weir::state{0}) | weir::drain());
              }) == 0);
    }

    TEST_CASE("hold keeps the contract of a stream, with one copy per item") {
        CHECK(check_contract([] { return weir::hold(weir::state{0}); }) == "");
        CHECK(check_contract([] { return weir::hold(weir::state{weir::testing::tracked{}}); }, {.copies = 1}) == "");
    }
}
