// SPDX-License-Identifier: MIT
#include <weir/operators/also_to.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <numbers.hpp>
#include <side_sinks.hpp>
#include <slow_consumer.hpp>

#include <weir/core/closure.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::fails_at;
using support::notes;
using support::numbers;

namespace {

weir::task<> note_error(auto items, std::string& seen) {
    try {
        co_await (std::move(items) | weir::drain());
    } catch (const std::runtime_error& e) {
        seen = e.what();
    }
}

} // namespace

TEST_SUITE("operators/also_to") {
    TEST_CASE("also_to does what a sink beside the stream does") { support::check_side_sink(weir::also_to); }

    TEST_CASE("also_to fails with an item that cannot be copied") {
        CHECK(support::failure_of_copy(weir::also_to) == "2 failed ");
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
        const auto sink = weir::closure{[&](auto items) { return note_error(std::move(items), seen); }};
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::also_to(sink) | weir::drain()), "up");
        CHECK(seen == "up");
    }

    TEST_CASE("also_to: an error of the sink ends the stream at once") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::also_to(fails_at(2))};
        sink.request();
        source.push(1);
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(sink.failed());
        CHECK(source.dropped());

        numbers passed;
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 9) | weir::also_to(fails_at(2)) | notes(passed)), "sink");
        CHECK(passed == numbers{0, 1, 2});
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

    TEST_CASE("also_to: a busy sink stops a loop over items that are ready") {
        marbles m;
        std::string seen;
        std::string passed;
        auto running = m.executor().spawn(m.cold("[abcd|]") | weir::also_to(notes(seen, m.ticks(3))) |
                                          weir::for_each([&](char c) { passed += c; }));
        m.executor().run_ready();
        CHECK(passed == "ab");
        CHECK(seen == "a");
        m.executor().run(std::move(running));
        CHECK(passed == "abcd");
        CHECK(seen == "abcd");
    }
}
