// SPDX-License-Identifier: MIT
#include <weir/operators/skip_until.hpp>

#include <doctest/doctest.h>

#include <chrono>

#include <allocations.hpp>
#include <unchanged.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/skip_until") {
    TEST_CASE("skip_until passes the items after a signal: an item, the end, or the result of an operation") {
        marbles m;
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----s-t|"))) == "------c--d|");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----|"))) == "------c--d|");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(m.hot("----#"))) == "----#");
        CHECK(m.play(m.hot("a--b--c--d|") | weir::skip_until(weir::sleep_for(m.ticks(4)))) == "------c--d|");
        CHECK(m.play(m.hot("a--b|") | weir::skip_until(weir::never<int>())) == "----|");
        CHECK(m.play(m.hot("a-#") | weir::skip_until(weir::never<int>())) == "--#");
        CHECK(m.play(m.cold("abc|") | weir::skip_until(weir::just(1))) == "abc|");
        CHECK(m.play(weir::iota(1, 3) | weir::skip_until(weir::empty<int>())) == "[12|]");
    }

    TEST_CASE("skip_until destroys its signal when it has arrived, and yields while it skips items that are ready") {
        virtual_executor ex;
        probe<int> signal;
        probe_sink sink{ex, weir::iota(0) | weir::skip_until(signal.stream()) | weir::take(1)};
        sink.request(2);
        ex.run(weir::sleep_for(0ms));
        ex.run(weir::sleep_for(0ms));
        CHECK_FALSE(signal.dropped());
        CHECK(signal.polls() == 1);
        ex.post([&] { signal.push(1); });
        ex.run(weir::sleep_for(0ms));
        ex.run_ready();
        CHECK(signal.dropped());
        CHECK(signal.polls() == 2);
        CHECK(sink.ended());
        CHECK(sink.items().size() == 1);
    }

    TEST_CASE("skip_until destroys upstream and signal with its consumer") {
        probe<int> source;
        probe<int> signal;
        virtual_executor ex;
        {
            probe_sink sink{ex, source.stream() | weir::skip_until(signal.stream())};
            ex.run_ready();
            CHECK(source.polls() == 0);
            CHECK(signal.polls() == 0);
            sink.request();
            ex.run_ready();
            CHECK(signal.waiting());
        }
        CHECK(source.dropped());
        CHECK(signal.dropped());
    }

    TEST_CASE("skip_until passes everything after its signal") {
        support::check_unchanged([] { return weir::skip_until(weir::just(1)); });
    }

    TEST_CASE("skip_until keeps the contract of a stream while it skips, and allocates nothing per item") {
        CHECK(check_contract([] { return weir::skip_until(weir::never<int>()); },
                             {.prefetch = contract_options::any_number}) == "");
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::skip_until(weir::never<int>()) | weir::drain());
              }) == 0);
    }
}
