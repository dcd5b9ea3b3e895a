// SPDX-License-Identifier: MIT
#include <weir/operators/zip_longest.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using weir::zip_longest;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using pairs = std::vector<std::tuple<std::optional<int>, std::optional<int>>>;

TEST_SUITE("operators/zip_longest") {
    TEST_CASE("zip_longest emits pairs, and single items after the other stream has ended") {
        marbles m;
        CHECK(m.play(zip_longest(m.hot("--1--2-----3--|"), m.hot("---a----b--|"))) == "---(1a)----(2b)--(3_)--|");
        CHECK(m.play(zip_longest(m.hot("---a----b--|"), m.hot("--1--2-----3--|"))) == "---(a1)----(b2)--(_3)--|");
        CHECK(m.play(zip_longest(m.hot("[123]|"), m.hot("a-|"))) == "(1a)-[(2_)(3_)|]");
    }

    TEST_CASE("zip_longest: several streams of different types are zipped") {
        marbles m;
        CHECK(m.play(zip_longest(m.hot<int>("1-2-|"), m.hot("-a|"), m.hot<int>("--7-8|"))) == "--(1a7)-(2_8)|");
        CHECK(m.play(zip_longest(m.hot("a-b|"))) == "(a)-(b)|");
    }

    TEST_CASE("zip_longest ends when all streams have ended") {
        marbles m;
        CHECK(m.play(zip_longest(m.hot("|"), m.hot("---|"))) == "---|");
        CHECK(m.play(zip_longest(m.hot("---|"), m.hot("|"))) == "---|");
        CHECK(m.play(zip_longest(m.hot("|"), m.hot("-a..."))) == "-(_a)...");
        CHECK(m.play(zip_longest(m.hot("a..."), m.hot("..."))) == "...");
    }

    TEST_CASE("zip_longest emits a held item at once when the other stream ends") {
        marbles m;
        CHECK(m.play(zip_longest(m.hot("a---b|"), m.hot("--|"))) == "--(a_)-(b_)|");
        CHECK(m.play(zip_longest(m.hot("--|"), m.hot("a-|"))) == "--[(_a)|]");
    }

    TEST_CASE("zip_longest fails when the first stream fails, and loses held items") {
        marbles m;
        CHECK(m.play(zip_longest(m.hot("a-b-#"), m.hot("cd..."))) == "(ac)-(bd)-#");
        CHECK(m.play(zip_longest(m.hot("abc"), m.hot("d-#"))) == "(ad)-#");
        CHECK(m.play(zip_longest(weir::fail<char>(weir::testing::marble_error{}), m.hot("a|"))) == "#");
        CHECK(m.play(zip_longest(m.hot("|"), m.hot("a-#"))) == "(_a)-#");
        CHECK(m.play(zip_longest(m.hot("-a"), m.hot("-#"))) == "-#");
    }

    TEST_CASE("zip_longest polls all streams at once and keeps an early item") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, zip_longest(a.stream(), b.stream())};
        ex.run_ready();
        CHECK(a.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(a.waiting());
        CHECK(b.waiting());
        b.push(1);
        b.push(2);
        ex.run_ready();
        CHECK(b.taken() == 1);
        a.push(10);
        a.push(20);
        ex.run_ready();
        CHECK(sink.items() == pairs{{10, 1}});
        CHECK(a.taken() == 1);
        b.end();
        sink.request(2);
        ex.run_ready();
        CHECK(sink.items() == pairs{{10, 1}, {20, 2}});
        CHECK(b.dropped());
        CHECK(a.waiting());
        a.push(30);
        ex.run_ready();
        CHECK(sink.items() == pairs{{10, 1}, {20, 2}, {30, std::nullopt}});
        CHECK_FALSE(b.polled_after_end());
    }

    TEST_CASE("zip_longest: the pace of the consumer changes nothing") {
        for (int busy = 0; busy != 6; ++busy) {
            CAPTURE(busy);
            marbles m;
            CHECK(support::seen_when_busy(m, busy, zip_longest(m.hot("ab-c|"), m.hot("-xy|"))) == "(ax)(by)(c_)|");
        }
    }

    TEST_CASE("zip_longest drops the other streams and kept items at once when one fails") {
        virtual_executor ex;
        probe<std::shared_ptr<int>> a;
        probe<int> b;
        probe<int> c;
        probe_sink sink{ex, zip_longest(a.stream(), b.stream(), c.stream())};
        sink.request();
        auto item = std::make_shared<int>(1);
        const std::weak_ptr<int> kept{item};
        a.push(std::move(item));
        ex.run_ready();
        CHECK(a.taken() == 1);
        CHECK_FALSE(kept.expired());
        b.fail(failure());
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(a.dropped());
        CHECK(b.dropped());
        CHECK(c.dropped());
        CHECK(kept.expired());
    }

    TEST_CASE("zip_longest drops all streams when its consumer stops early") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, zip_longest(a.stream(), b.stream()) | weir::take(1)};
        sink.request();
        a.push(1);
        b.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(a.dropped());
        CHECK(b.dropped());
    }

    TEST_CASE("zip_longest may be dropped by one of its sides while that is polled") {
        support::drop_from_within([](auto s) { return zip_longest(std::move(s), weir::iota(0)); });
        support::drop_from_within([](auto s) { return zip_longest(weir::iota(0), std::move(s)); });
    }

    TEST_CASE("zip_longest keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return zip_longest(std::move(s)); }}; }) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return zip_longest(std::move(s), weir::iota(0, 8)); }}; }) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return zip_longest(weir::iota(0, 2), std::move(s)); }}; }) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return zip_longest(std::move(s), weir::empty<int>()); }}; }) == "");
    }

    TEST_CASE("zip_longest moves its items") {
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        virtual_executor ex;
        probe_sink sink{ex, zip_longest(weir::iota(0, 2) | boxed, weir::empty<std::unique_ptr<int>>())};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(**std::get<0>(sink.items()[1]) == 1);
        CHECK_FALSE(std::get<1>(sink.items()[1]));
    }

    TEST_CASE("zip_longest allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(zip_longest(support::late_items{1, n}, weir::iota(0, n / 2)) |
                   weir::for_each(
                       [&](std::tuple<std::optional<int>, std::optional<int>> both) { sum += *std::get<0>(both); }));
            CHECK(sum == n);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("zip_longest agrees with a loop over both vectors, whenever items arrive") {
        std::mt19937 random{20240704};
        for (int round = 0; round != 400; ++round) {
            const auto left = support::random_numbers(random, 12, 0, 99);
            const auto right = support::random_numbers(random, 12, 0, 99);
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            probe_sink sink{ex, zip_longest(a.stream(), b.stream())};
            std::size_t i = 0;
            std::size_t j = 0;
            while (i <= left.size() || j <= right.size()) {
                if (random() % 2 == 0 && i <= left.size()) {
                    if (i == left.size()) {
                        a.end();
                    } else {
                        a.push(left[i]);
                    }
                    ++i;
                }
                if (random() % 2 == 0 && j <= right.size()) {
                    if (j == right.size()) {
                        b.end();
                    } else {
                        b.push(right[j]);
                    }
                    ++j;
                }
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            pairs expected(std::max(left.size(), right.size()));
            for (std::size_t k = 0; k != left.size(); ++k) std::get<0>(expected[k]) = left[k];
            for (std::size_t k = 0; k != right.size(); ++k) std::get<1>(expected[k]) = right[k];
            CHECK(sink.items() == expected);
            CHECK_FALSE(a.polled_after_end());
            CHECK_FALSE(b.polled_after_end());
        }
    }
}
