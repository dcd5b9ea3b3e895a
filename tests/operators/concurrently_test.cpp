// SPDX-License-Identifier: MIT
#include <weir/operators/concurrently.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <allocations.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::failure;
using support::manual;
using support::numbers;
using weir::concurrently;

TEST_SUITE("operators/concurrently") {
    TEST_CASE("concurrently passes the items, the end and errors, and destroys the operation first") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            manual<int> background;
            CHECK(m.play(m.hot(diagram) | concurrently(background.operation())) == diagram);
            CHECK(background.dropped());
        }
    }

    TEST_CASE("concurrently runs the operation beside the stream, and continues when it has ended") {
        virtual_executor ex;
        probe<int> source;
        manual<int> background;
        probe_sink sink{ex, source.stream() | concurrently(background.operation()) | weir::take(2)};
        ex.run_ready();
        CHECK_FALSE(background.started());
        sink.request(1);
        source.push(1);
        ex.run_ready();
        CHECK(background.running());
        background.complete(7); // with the consumer busy
        ex.run_ready();
        CHECK(background.dropped());
        sink.request();
        source.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(sink.ended());

        marbles m;
        std::string seen;
        auto background_items = m.cold("x-y-z--x-y|") | weir::for_each([&](char c) { seen += c; });
        CHECK(m.play(m.hot("--a--b|") | concurrently(std::move(background_items))) == "--a--b|");
        CHECK(seen == "xyz");
    }

    TEST_CASE("concurrently fails at once when the operation fails, whether or not the consumer waits") {
        marbles m;
        CHECK(m.play(m.hot("--a--b--c--|") | concurrently(m.cold("------#") | weir::drain())) == "--a--b#");
        for (const bool waits : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            manual<int> background;
            probe_sink sink{ex, source.stream() | concurrently(background.operation())};
            sink.request(waits ? 2 : 1);
            source.push(1);
            ex.run_ready();
            background.fail(failure());
            ex.run_ready();
            CHECK(source.dropped());
            CHECK(background.dropped());
            CHECK(sink.failed() == waits);
            sink.request();
            ex.run_ready();
            CHECK(sink.failed());
            CHECK(sink.items() == numbers{1});
        }
    }

    TEST_CASE("concurrently keeps upstream alive while the consumer has an item that borrows its memory") {
        virtual_executor ex;
        probe<std::string_view> source;
        manual<int> background;
        probe_sink sink{ex, source.stream() | concurrently(background.operation())};
        sink.request(1);
        source.push("a");
        ex.run_ready();
        background.fail(failure());
        ex.run_ready();
        CHECK(background.dropped());
        CHECK_FALSE(source.dropped());
        sink.request();
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(sink.failed());
        CHECK(sink.items().size() == 1);
    }

    TEST_CASE("concurrently may be dropped by its operation, and drops it with the stream") {
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<int>>> sink;
        const auto drops = [&]() -> weir::task<> {
            co_await weir::yield();
            sink.reset();
            co_await weir::yield();
            FAIL("it went on after it was dropped");
        };
        sink.emplace(ex, weir::async_stream<int>{weir::never<int>() | concurrently(drops())});
        sink->request();
        ex.run_ready();
        CHECK_FALSE(sink);

        probe<int> source;
        manual<int> background;
        probe_sink other{ex, source.stream() | concurrently(background.operation())};
        other.request();
        ex.run_ready();
        other.drop();
        CHECK(background.dropped());
        CHECK(source.dropped());
    }

    TEST_CASE("concurrently keeps the contract of a stream, and allocates nothing") {
        CHECK(check_contract([] { return concurrently(support::one_turn{1}); }) == "");
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | concurrently(support::one_turn{1}) | weir::drain());
              }) == 0);
    }
}
