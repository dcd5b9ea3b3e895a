// SPDX-License-Identifier: MIT
#include <weir/operators/elapsed.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

#include <unchanged.hpp>

#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

namespace {

constexpr auto in_ticks = [](const auto& item) { return static_cast<char>('0' + item.first / 1ms); };

} // namespace

TEST_SUITE("operators/elapsed") {
    TEST_CASE("elapsed adds the time since the item before, by the executor's clock") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::elapsed()};
        sink.request();
        ex.run_ready();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        ex.advance(5ms);
        source.push(2);
        source.push(3);
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        CHECK(sink.items()[0] == std::pair<weir::duration, int>{2ms, 1});
        CHECK(sink.items()[1] == std::pair<weir::duration, int>{5ms, 2});
        CHECK(sink.items()[2] == std::pair<weir::duration, int>{0ms, 3});
    }

    TEST_CASE("elapsed passes the end, errors and single items") {
        const auto played = [](const char* diagram) {
            marbles m;
            return m.play(m.hot(diagram) | weir::elapsed() | weir::map(in_ticks));
        };
        CHECK(played("|") == "|");
        CHECK(played("#") == "#");
        CHECK(played("--a|") == "--2|");
        CHECK(played("-a--[bc]-#") == "-1--[30]-#");
        marbles m;
        CHECK(m.play(m.hot("-a--b") | weir::elapsed() | weir::map(in_ticks) | weir::take(1)) == "-[1|]");
    }

    TEST_CASE("elapsed counts from its first poll") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::elapsed()};
        ex.advance(10ms);
        CHECK(source.polls() == 0);
        sink.request();
        ex.advance(2ms);
        source.push(1);
        ex.run_ready();
        REQUIRE(sink.items().size() == 1);
        CHECK(sink.items()[0].first == 2ms);
    }

    TEST_CASE("elapsed leaves the items of its pairs as they are") {
        const auto item = [](auto pair) { return std::move(pair.second); };
        support::check_unchanged([&] { return weir::elapsed() | weir::map(item); });
    }
}
