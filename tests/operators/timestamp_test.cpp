// SPDX-License-Identifier: MIT
#include <weir/operators/timestamp.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <utility>
#include <vector>

#include <unchanged.hpp>

#include <weir/operators/elapsed.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;

TEST_SUITE("operators/timestamp") {
    TEST_CASE("timestamp reads the executor's clock, as elapsed does") {
        virtual_executor ex;
        const auto start = ex.now();
        probe<int> source;
        using stamped = std::pair<weir::time_point, int>;
        probe_sink sink{ex, source.stream() | weir::elapsed() | weir::timestamp()};
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
        const auto check = [&](const auto& item, weir::duration at, weir::duration since, int x) {
            CHECK(item.first == start + at);
            CHECK(item.second == std::pair{since, x});
        };
        check(sink.items()[0], 2ms, 2ms, 1);
        check(sink.items()[1], 7ms, 5ms, 2);
        check(sink.items()[2], 7ms, 0ms, 3);
        CHECK(ex.run(weir::iota(1, 2) | weir::timestamp() | weir::to<std::vector>()) ==
              std::vector{stamped{ex.now(), 1}});
    }

    TEST_CASE("timestamp passes the end, errors and single items") {
        const auto played = [](const char* diagram) {
            marbles m;
            const auto in_ticks = [start = m.executor().now()](const auto& item) {
                return static_cast<char>('0' + (item.first - start) / 1ms);
            };
            return m.play(m.hot(diagram) | weir::timestamp() | weir::map(in_ticks) | weir::take(3));
        };
        CHECK(played("|") == "|");
        CHECK(played("#") == "#");
        CHECK(played("--a|") == "--2|");
        CHECK(played("-a--b-#") == "-1--4-#");
        CHECK(played("-a--[bc]-d|") == "-1--[44|]");
    }

    TEST_CASE("timestamp leaves the items of its pairs as they are") {
        const auto item = [](auto pair) { return std::move(pair.second); };
        support::check_unchanged([&] { return weir::timestamp() | weir::map(item); });
    }
}
