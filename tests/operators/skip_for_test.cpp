// SPDX-License-Identifier: MIT
#include <weir/operators/skip_for.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/skip_for") {
    TEST_CASE("skip_for starts at a time from the first poll") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_for(m.ticks(5))) == "------c--d|");
        CHECK(m.play(m.hot("a-|") | weir::skip_for(m.ticks(5))) == "--|");
        CHECK(m.play(m.hot("a-#") | weir::skip_for(m.ticks(5))) == "--#");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_for(m.ticks(5)) | weir::take(1)) == "------[c|]");
    }

    TEST_CASE("skip_for counts from the first poll, and leaves no timer") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::skip_for(3ms)};
        ex.advance(10ms);
        CHECK(source.polls() == 0);
        sink.request();
        ex.advance(2ms);
        source.push(1);
        ex.advance(1ms);
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == std::vector{2});
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("skip_for agrees with a vector of items and their times") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            virtual_executor ex;
            probe<int> source;
            probe_sink sink{ex, source.stream() | weir::skip_for(2500us)};
            sink.request();
            ex.run_ready();
            std::vector<int> later;
            for (const int wait : support::random_numbers(random, 8, 0, 2)) {
                ex.advance(wait * 1ms);
                const int ms = static_cast<int>(ex.elapsed() / 1ms);
                source.push(ms);
                ex.run_ready();
                if (ms >= 3) later.push_back(ms);
            }
            source.end();
            ex.run_ready();
            CHECK(sink.items() == later);
            CHECK(sink.ended());
        }
    }

    TEST_CASE("skip_for keeps the contract of a stream while it skips, and allocates nothing per item") {
        CHECK(check_contract([] { return weir::skip_for(1h); }, {.prefetch = contract_options::any_number}) == "");
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::skip_for(0ms) | weir::drain());
              }) == 0);
    }

    TEST_CASE("skip_for refuses a negative duration") {
        CHECK_THROWS_WITH_AS(weir::skip_for(-1ms), "weir::skip_for(d): d is negative", std::invalid_argument);
    }
}
