// SPDX-License-Identifier: MIT
#include <weir/operators/concat.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/join.hpp>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

template <class... Ss>
std::vector<weir::async_stream<char>> streams_of(Ss... streams) {
    std::vector<weir::async_stream<char>> all;
    (all.push_back(std::move(streams)), ...);
    return all;
}

} // namespace

TEST_SUITE("operators/concat") {
    TEST_CASE("concat emits one stream after the other") {
        weir::testing::marbles m;
        CHECK(m.play(weir::concat(m.cold("a-b|"), m.cold("-c|"), m.cold("d|"))) == "a-b-cd|");
        CHECK(m.play(weir::concat(m.cold("a|"))) == "a|");
        CHECK(m.play(weir::concat(weir::empty<int>(), weir::empty<int>())) == "|");
        CHECK(m.play(weir::concat(weir::just(1), weir::never<int>())) == "1...");
    }

    TEST_CASE("concat emits the streams of a range one after the other") {
        weir::testing::marbles m;
        CHECK(m.play(weir::concat(streams_of(m.cold("a-b|"), m.cold("-c|"), m.cold("d|")))) == "a-b-cd|");
        CHECK(m.play(weir::concat(streams_of())) == "|");
        std::vector<decltype(weir::just(1, 2))> lines;
        lines.push_back(weir::just(1, 2));
        lines.push_back(weir::just(3, 4));
        CHECK(m.play(weir::concat(std::move(lines))) == "[1234|]");
    }

    TEST_CASE("concat does not poll a stream before its turn, so that a hot stream has gone on meanwhile") {
        weir::testing::marbles m;
        CHECK(m.play(weir::concat(m.hot("a--b|"), m.hot("-c---d|"))) == "a--bcd|");
        weir::testing::probe<int> second;
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::concat(weir::never<int>(), second.stream())};
        sink.request();
        ex.run_ready();
        CHECK(second.polls() == 0);
    }

    TEST_CASE("concat: an error of a stream is delivered in its turn and ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(weir::concat(m.cold("#"), m.cold("a|"))) == "#");
        CHECK(m.play(weir::concat(m.cold("a-#"), m.cold("b|"))) == "a-#");
        CHECK(m.play(weir::concat(m.cold("a-|"), m.cold("#"))) == "a-#");
        CHECK(m.play(weir::concat(streams_of(m.cold("a-|"), m.cold("#"), m.cold("b|")))) == "a-#");
    }

    TEST_CASE("concat drops an ended stream before it polls the next") {
        virtual_executor ex;
        weir::testing::probe<int> first;
        weir::testing::probe<int> second;
        first.end();
        weir::testing::probe_sink sink{ex, weir::concat(first.stream(), second.stream())};
        sink.request();
        ex.run_ready();
        CHECK(first.dropped());
        CHECK(second.waiting());
        sink.drop();
        CHECK(second.dropped());
    }

    TEST_CASE("concat drops an ended stream of a range before it polls the next") {
        virtual_executor ex;
        std::vector<weir::testing::probe<int>> probes(2);
        auto streams = probes | std::views::transform([](auto& probe) { return probe.stream(); });
        weir::testing::probe_sink sink{ex, weir::concat(streams)};
        probes[0].end();
        sink.request();
        ex.run_ready();
        CHECK(probes[0].dropped());
        CHECK(probes[1].waiting());
        sink.drop();
        CHECK(probes[1].dropped());
    }

    TEST_CASE("concat takes each stream from a lazy range when its turn has come") {
        int made = 0;
        virtual_executor ex;
        const auto items = ex.run(weir::concat(std::views::iota(1) | std::views::transform([&](int i) {
                                                   ++made;
                                                   return weir::iota(0, i);
                                               })) |
                                  weir::take(4) | weir::to<std::vector>());
        CHECK(items == std::vector{0, 0, 1, 0});
        CHECK(made == 3);
    }

    TEST_CASE("concat keeps the contract of a stream, on either side of an upstream") {
        using tracked = weir::testing::tracked;
        CHECK(weir::testing::check_contract([] {
                  return weir::closure{[]<class S>(S upstream) {
                      return weir::concat(weir::empty<tracked>(), std::move(upstream), weir::empty<tracked>());
                  }};
              }) == "");
        CHECK(weir::testing::check_contract([] {
                  return weir::closure{[]<class S>(S upstream) {
                      std::vector<S> streams;
                      streams.push_back(std::move(upstream));
                      return weir::concat(std::move(streams));
                  }};
              }) == "");
    }

    TEST_CASE("concat: many empty streams do not keep others from running") {
        virtual_executor ex;
        CHECK(ex.run(weir::concat(std::views::iota(0, 100'000) |
                                  std::views::transform([](int) { return weir::empty<int>(); })) |
                     weir::count()) == 0);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("concat accepts move-only items") {
        virtual_executor ex;
        const auto all =
            ex.run(weir::concat(weir::just(std::make_unique<int>(1)), weir::just(std::make_unique<int>(2))) |
                   weir::to<std::vector>());
        REQUIRE(all.size() == 2);
        CHECK(*all[1] == 2);
    }

    TEST_CASE("concat agrees with views::join") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            std::vector<std::vector<int>> parts(static_cast<std::size_t>(i % 6));
            for (auto& part : parts) part = support::random_numbers(random, 5, -9, 9);
            const auto expected = parts | ranges::views::join | ranges::to<std::vector>();
            CHECK(
                ex.run(weir::concat(parts | std::views::transform([](auto& part) { return weir::from_range(part); })) |
                       weir::to<std::vector>()) == expected);
            if (parts.size() == 3) {
                CHECK(ex.run(weir::concat(weir::from_range(parts[0]), weir::from_range(parts[1]),
                                          weir::from_range(parts[2])) |
                             weir::to<std::vector>()) == expected);
            }
        }
    }

    TEST_CASE("concat allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::concat(weir::iota(0, n), weir::iota(0, n)) | weir::drain());
                  ex.run(weir::concat(std::views::iota(0, n) |
                                      std::views::transform([](int i) { return weir::just(i); })) |
                         weir::drain());
              }) == 0);
    }
}
