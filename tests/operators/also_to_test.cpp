// SPDX-License-Identifier: MIT
#include <weir/operators/also_to.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

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

using namespace std::chrono_literals;
using support::numbers;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

/// A sink that notes items, and is busy for some time with each.
auto notes(std::string& seen, weir::duration busy = {}) {
    return weir::for_each([&seen, busy](char c) -> weir::task<> {
        seen += c;
        if (busy != weir::duration{}) co_await weir::sleep_for(busy);
    });
}
weir::task<> note_error(weir::subscription<int> items, std::string& seen) {
    try {
        co_await (std::move(items) | weir::drain());
    } catch (const std::runtime_error& e) {
        seen = e.what();
    }
}
auto notes(numbers& seen) {
    return weir::for_each([&seen](int x) { seen.push_back(x); });
}

} // namespace

TEST_SUITE("operators/also_to") {
    TEST_CASE("also_to passes items, the end and errors to the consumer and to the sink") {
        for (const std::string diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            std::string seen;
            CHECK(m.play(m.hot(diagram) | weir::also_to(notes(seen))) == diagram);
            std::string expected;
            for (const char c : diagram) {
                if (c >= 'a' && c <= 'z') expected += c;
            }
            CHECK(seen == expected);
        }
    }

    TEST_CASE("also_to goes at the pace of the sink, one item ahead, and ends after it") {
        marbles m;
        std::string seen;
        CHECK(m.play(m.cold("[abc|]") | weir::also_to(notes(seen, m.ticks(3)))) == "[ab]--c-----|");
        CHECK(seen == "abc");
        CHECK(m.play(m.cold("a#") | weir::also_to(notes(seen, m.ticks(3)))) == "a--#");
        CHECK(support::seen_when_busy(m, 3, m.cold("[ab]|") | weir::also_to(notes(seen))) == "ab|");
    }

    TEST_CASE("also_to: the sink sees an error of upstream, which the consumer gets") {
        virtual_executor ex;
        probe<int> source;
        std::string seen;
        const auto sink =
            weir::closure{[&](weir::subscription<int> items) { return note_error(std::move(items), seen); }};
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::also_to(sink) | weir::drain()), "up");
        CHECK(seen == "up");
    }

    TEST_CASE("also_to: an error of the sink ends the stream at once") {
        virtual_executor ex;
        probe<int> source;
        const auto fails = weir::for_each([](int x) {
            if (x == 2) throw std::runtime_error{"sink"};
        });
        probe_sink sink{ex, source.stream() | weir::also_to(fails)};
        sink.request();
        source.push(1);
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(sink.failed());
        CHECK(source.dropped());
    }

    TEST_CASE("also_to goes on without a sink that has ended") {
        virtual_executor ex;
        numbers seen;
        numbers passed;
        ex.run(weir::iota(0, 5) | weir::also_to(weir::take(2) | notes(seen)) | notes(passed));
        CHECK(seen == numbers{0, 1});
        CHECK(passed == numbers{0, 1, 2, 3, 4});
    }

    TEST_CASE("also_to pulls nothing early and nothing while the sink is busy, and drops all with the consumer") {
        virtual_executor ex;
        probe<char> source;
        for (const char c : {'a', 'b', 'c', 'd'}) source.push(c);
        std::string seen;
        probe_sink sink{ex, source.stream() | weir::also_to(notes(seen, 1h))};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 2);
        CHECK(seen == "a");
        sink.drop();
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("also_to passes all items to both, whenever they arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            numbers seen;
            CHECK(support::arrive_at_random(random, items, weir::also_to(notes(seen))) == items);
            CHECK(seen == items);
        }
    }

    TEST_CASE("also_to allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::also_to(weir::drain()) | weir::drain());
              }) == 0);
    }

    TEST_CASE("also_to keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::also_to(weir::drain()); }, {.copies = 1}) == "");
    }
}
