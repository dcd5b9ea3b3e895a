// SPDX-License-Identifier: MIT
#include <weir/operators/zip_latest.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <throwing_tuples.hpp>
#include <weir/core/closure.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::zip_latest;
using namespace weir::testing;
using pairs = std::vector<std::tuple<int, int>>;

TEST_SUITE("operators/zip_latest") {
    TEST_CASE("zip_latest emits each item with the latest of the other stream, and ends with the first stream") {
        marbles m;
        CHECK(m.play(zip_latest(m.hot("-1---2-------3--4---|"), m.hot("---a------b------------|"))) ==
              "---(1a)-(2a)----(2b)--(3b)--(4b)---|");
        CHECK(m.play(zip_latest(m.hot("-1-2-3-4..."), m.hot("a---|"))) == "-(1a)-(2a)|");
        CHECK(m.play(zip_latest(m.hot("12-3..."), m.hot("--[ab]..."))) == "--[(2a)(2b)](3b)...");
        CHECK(m.play(zip_latest(m.hot("-|"), m.hot("a--b--|"))) == "-|");
        CHECK(m.play(zip_latest(m.hot("-1-#"), m.hot("a---|"))) == "-(1a)-#");
        CHECK(m.play(zip_latest(m.hot("..."), m.hot("a---|"))) == "----|");
        CHECK(m.play(zip_latest(m.hot("a-b|"))) == "(a)-(b)|");
    }

    TEST_CASE("zip_latest holds the newest item of each stream for a busy consumer, also at the end and at an error") {
        for (const bool fails : {false, true}) {
            marbles m;
            const auto last = fails ? "-1---2-------3--4---#" : "-1---2-------3--4---|";
            CHECK(support::seen_when_busy(m, 6, zip_latest(m.cold(last), m.cold("---a------b------------|"))) ==
                  (fails ? "(1a)(2a)(3b)(4b)#" : "(1a)(2a)(3b)(4b)|"));
        }
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, zip_latest(a.stream(), b.stream())};
        ex.run_ready();
        CHECK(a.polls() == 0);
        sink.request(1);
        a.push(1);
        b.push(10);
        ex.run_ready();
        for (int i = 2; i != 1000; ++i) a.push(i);
        ex.run_ready();
        CHECK(a.taken() == 999);
        a.end();
        ex.run_ready();
        CHECK(a.dropped());
        CHECK(b.dropped());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == pairs{{1, 10}, {999, 10}});
        CHECK(sink.ended());
        CHECK_FALSE(a.polled_after_end());
    }

    TEST_CASE("zip_latest may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return zip_latest(std::move(s), weir::just(1, 2)); });
        support::drop_from_within([](auto s) { return zip_latest(weir::iota(0), std::move(s)); });
    }

    TEST_CASE("zip_latest keeps the contract of a stream, and allocates nothing per item") {
        CHECK(check_contract([] { return weir::closure{[](auto s) { return zip_latest(std::move(s)); }}; },
                             {.prefetch = contract_options::any_number, .copies = 1}) == "");
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(zip_latest(weir::iota(0, n), weir::iota(0, n)) | weir::for_each([](auto) {}));
              }) == 0);
    }

    TEST_CASE("zip_latest polls ready streams in turns, and lets others run") {
        virtual_executor ex;
        pairs seen;
        ex.run(zip_latest(weir::iota(0, 3), weir::iota(10, 13)) |
               weir::for_each([&](std::tuple<int, int> both) { seen.push_back(both); }));
        CHECK(seen == pairs{{0, 10}, {1, 10}, {1, 11}, {2, 11}, {2, 12}});
        int tuples = 0;
        const auto handle =
            ex.spawn(zip_latest(weir::iota(0), weir::iota(0)) | weir::for_each([&](auto) { ++tuples; }));
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
        CHECK(tuples > 100);
    }

    TEST_CASE("zip_latest: an item whose move throws leaves no tuple without it") {
        support::check_tuples_when_moves_throw([](auto a, auto b) { return zip_latest(std::move(a), std::move(b)); });
    }

    TEST_CASE("zip_latest passes items that were in no tuple to on_drop: replaced ones, and those without a partner") {
        std::string dropped;
        const auto note = [&](char item) { dropped += item; };
        marbles m;
        CHECK(support::seen_when_busy(
                  m, 6, zip_latest(m.cold("-1---2-------3--4---|"), m.cold("---a------b------------|"), note)) ==
              "(1a)(2a)(3b)(4b)|");
        CHECK(dropped == "");
        CHECK(support::seen_when_busy(m, 9, zip_latest(m.cold("1-2-3-4-5|"), m.cold("a..."), note)) == "(1a)(5a)|");
        CHECK(dropped == "234");
        dropped.clear();
        CHECK(m.play(zip_latest(m.cold("12-3-#"), m.cold("---"), note)) == "-----#");
        CHECK(dropped == "123");
        dropped.clear();
        CHECK(m.play(zip_latest(m.cold("1-..."), m.cold("--|"), note)) == "--|");
        CHECK(dropped == "1");
    }

    TEST_CASE("zip_latest: each item is in a tuple or dropped once, and none after on_drop has dropped the stream") {
        std::mt19937 random{20};
        for (int round = 0; round != 300; ++round) {
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            std::multiset<int> seen;
            std::function<void()> drop_all;
            const bool drops_itself = round % 3 == 0;
            bool gone = false;
            probe_sink sink{ex, zip_latest(a.stream(), b.stream(), [&](int item) {
                                CHECK_FALSE(gone);
                                seen.insert(item);
                                gone = drops_itself && random() % 4 == 0;
                                if (gone) drop_all();
                            })};
            drop_all = [&] { sink.drop(); };
            int pushed = 0;
            for (int i = 0; i != 20; ++i) {
                if (random() % 2 == 0) a.push(++pushed);
                if (random() % 3 == 0) b.push(++pushed);
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            ex.run_ready();
            sink.request();
            (round % 2 == 0 ? a : b).end();
            ex.run_ready();
            if (gone) continue;
            CHECK(sink.ended());
            std::set<int> in_tuples;
            for (const auto& [x, y] : sink.items()) in_tuples.insert({x, y});
            CHECK(in_tuples.size() + seen.size() == static_cast<std::size_t>(a.taken() + b.taken()));
            for (const int item : seen) CHECK(seen.count(item) + in_tuples.count(item) == 1);
        }
    }

    TEST_CASE("zip_latest emits tuples whose items do not go back, and at last the newest, whenever items arrive") {
        std::mt19937 random{7};
        for (int round = 0; round != 300; ++round) {
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            probe_sink sink{ex, zip_latest(a.stream(), b.stream())};
            const int n = static_cast<int>(random() % 12);
            const int k = static_cast<int>(random() % 12);
            for (int i = 0, j = 0; i != n || j != k;) {
                if (i != n && random() % 2 == 0) a.push(++i);
                if (j != k && random() % 2 == 0) b.push(++j);
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            sink.request();
            ex.run_ready();
            b.end();
            ex.run_ready();
            CHECK(sink.ended());
            CHECK(sink.items().empty() == (n == 0 || k == 0));
            if (!sink.items().empty()) CHECK(sink.items().back() == std::tuple{n, k});
            for (std::size_t i = 1; i < sink.items().size(); ++i) {
                const auto [x, y] = sink.items()[i - 1];
                const auto [u, v] = sink.items()[i];
                CHECK((u >= x && v >= y && u + v > x + y));
            }
        }
    }
}
