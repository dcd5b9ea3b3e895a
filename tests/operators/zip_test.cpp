// SPDX-License-Identifier: MIT
#include <weir/operators/zip.hpp>

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <random>
#include <range/v3/view/zip.hpp>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <self_drop.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using weir::zip;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using pairs = std::vector<std::tuple<int, int>>;

namespace {

/// 1, 2, and then nothing, until it is dropped.
weir::async_stream<int> two_and_hang(bool& went_on, int& asked) {
    for (int i = 1; i != 3; ++i) {
        ++asked;
        co_yield i;
    }
    ++asked;
    co_await (weir::never<int>() | weir::for_each([](int) {}));
    went_on = true;
    co_yield 3;
}

} // namespace

TEST_SUITE("operators/zip") {
    TEST_CASE("zip emits a pair when both items have arrived") {
        marbles m;
        CHECK(m.play(zip(m.hot("--1--2-----3--|"), m.hot("---a----b--|"))) == "---(1a)----(2b)--|");
        CHECK(m.play(zip(m.hot("[123]|"), m.hot("a-b-c|"))) == "(1a)-(2b)-[(3c)|]");
    }

    TEST_CASE("zip: several streams of different types are zipped") {
        marbles m;
        CHECK(m.play(zip(m.hot<int>("1-2-|"), m.hot("-a--b|"), m.hot<int>("--7-8|"))) == "--(1a7)-[(2b8)|]");
        CHECK(m.play(zip(m.hot("a-b|"))) == "(a)-(b)|");
    }

    TEST_CASE("zip ends when the first stream ends") {
        marbles m;
        CHECK(m.play(zip(m.hot("a-b-|"), m.hot("cd..."))) == "(ac)-(bd)-|");
        CHECK(m.play(zip(m.hot("cd..."), m.hot("a-b-|"))) == "(ca)-(db)-|");
        CHECK(m.play(zip(m.hot("|"), m.hot("..."))) == "|");
        CHECK(m.play(zip(m.hot("..."), m.hot("--|"))) == "--|");
    }

    TEST_CASE("zip fails when the first stream fails") {
        marbles m;
        CHECK(m.play(zip(m.hot("a-b-#"), m.hot("cd..."))) == "(ac)-(bd)-#");
        CHECK(m.play(zip(m.hot("abc"), m.hot("d-#"))) == "(ad)-#");
        CHECK(m.play(zip(weir::fail<char>(weir::testing::marble_error{}), m.hot("a|"))) == "#");
    }

    TEST_CASE("zip polls all streams at once and keeps an early item") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, zip(a.stream(), b.stream())};
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
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == pairs{{10, 1}, {20, 2}});
    }

    TEST_CASE("zip cancels the longer side when the shorter one ends, and never polls for an unpaired item") {
        bool went_on = false;
        for (const bool shorter_first : {true, false}) {
            CAPTURE(shorter_first);
            virtual_executor ex;
            int asked = 0;
            if (shorter_first) {
                probe_sink sink{ex, zip(weir::iota(1, 3), two_and_hang(went_on, asked))};
                sink.request();
                ex.run_ready();
                CHECK(sink.items() == pairs{{1, 1}, {2, 2}});
                CHECK(sink.ended());
                CHECK(asked == 2); // not for the third
            } else {
                probe_sink sink{ex, zip(two_and_hang(went_on, asked), weir::iota(1, 3))};
                sink.request();
                ex.run_ready();
                CHECK(sink.items() == pairs{{1, 1}, {2, 2}});
                CHECK(sink.ended());
            }
        }
        CHECK_FALSE(went_on);
    }

    TEST_CASE("zip drops the other streams and kept items at once when one ends or fails") {
        for (const bool fails : {false, true}) {
            virtual_executor ex;
            probe<std::shared_ptr<int>> a;
            probe<int> b;
            probe<int> c;
            probe_sink sink{ex, zip(a.stream(), b.stream(), c.stream())};
            sink.request();
            auto item = std::make_shared<int>(1);
            const std::weak_ptr<int> kept{item};
            a.push(std::move(item));
            ex.run_ready();
            CHECK(a.taken() == 1);
            CHECK_FALSE(kept.expired());
            if (fails) {
                b.fail(failure());
            } else {
                b.end();
            }
            ex.run_ready();
            CHECK(sink.finished());
            CHECK(sink.failed() == fails);
            CHECK(a.dropped());
            CHECK(b.dropped());
            CHECK(c.dropped());
            CHECK(kept.expired());
        }
    }

    TEST_CASE("zip may be dropped by one of its sides while that is polled") {
        support::drop_from_within([](auto s) { return zip(std::move(s), weir::iota(0)); });
        support::drop_from_within([](auto s) { return zip(weir::iota(0), std::move(s)); });
    }

    TEST_CASE("zip keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return zip(std::move(s)); }}; }) == "");
        CHECK(check_contract([] { return closure{[](auto s) { return zip(std::move(s), weir::iota(0, 1000)); }}; }) ==
              "");
        CHECK(check_contract([] { return closure{[](auto s) { return zip(weir::iota(0, 1000), std::move(s)); }}; }) ==
              "");
        CHECK(check_contract([] { return closure{[](auto s) { return zip(std::move(s), weir::iota(0, 2)); }}; },
                             {.prefetch = 0}) == "");
    }

    TEST_CASE("zip moves its items") {
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        virtual_executor ex;
        probe<std::unique_ptr<int>> late;
        probe_sink sink{ex, zip(weir::iota(0, 2) | boxed, late.stream())};
        sink.request();
        ex.run_ready();
        late.push(std::make_unique<int>(7));
        ex.run_ready();
        REQUIRE(sink.items().size() == 1);
        CHECK(*std::get<1>(sink.items()[0]) == 7);
    }

    TEST_CASE("zip allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            const auto late = [](int last) -> weir::async_stream<int> {
                for (int i = 0; i != last; ++i) {
                    co_await weir::yield();
                    co_yield i;
                }
            };
            int sum = 0;
            ex.run(zip(late(n), weir::iota(0, n)) |
                   weir::for_each([&](std::tuple<int, int> both) { sum += std::get<0>(both); }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("zip takes a range of streams, and emits vectors") {
        marbles m;
        const auto zipped = [&](auto... diagrams) {
            std::vector<weir::testing::marble_stream<char>> streams;
            (streams.push_back(m.hot(diagrams)), ...);
            return zip(std::move(streams));
        };
        CHECK(m.play(zipped("--1--2-----3--|", "---a----b--|", "xyz...")) == "---(1ax)----(2by)--|");
        CHECK(m.play(zipped("a-b|")) == "(a)-(b)|");
        CHECK(m.play(zipped("a-#", "-x---")) == "-(ax)#");
        CHECK(m.play(zip(std::vector<weir::testing::marble_stream<char>>{})) == "|");

        virtual_executor ex;
        std::vector<probe<int>> sources(3);
        std::vector<decltype(sources[0].stream())> streams;
        for (auto& source : sources) streams.push_back(source.stream());
        probe_sink sink{ex, zip(std::move(streams))};
        ex.run_ready();
        CHECK(sources[0].polls() == 0);
        sink.request();
        sources[2].push(1);
        sources[2].push(2);
        ex.run_ready();
        CHECK(sources[2].taken() == 1);
        sources[1].end();
        ex.run_ready();
        CHECK(sink.ended());
        for (auto& source : sources) CHECK(source.dropped());
    }

    TEST_CASE("zip passes items without a partner to on_drop, when the other streams have been destroyed") {
        std::string dropped;
        const auto note = [&](char item) { dropped += item; };
        marbles m;
        CHECK(m.play(zip(m.hot("1-2-3-4..."), m.hot("a-b-----|"), note)) == "(1a)-(2b)-----|");
        CHECK(dropped == "3");
        dropped.clear();
        CHECK(m.play(zip(m.hot("1-2-3..."), m.hot("-----#"), m.hot("a..."), note)) == "-----#");
        CHECK(dropped == "1a");
        virtual_executor ex;
        for (const bool of_a_range : {false, true}) {
            for (const bool fails : {false, true}) {
                std::vector<int> orphans;
                std::array<probe<int>, 3> sources;
                const auto note_number = [&](int item) {
                    for (auto& source : sources) CHECK(source.dropped());
                    orphans.push_back(item);
                };
                const auto check = [&](auto stream) {
                    probe_sink sink{ex, std::move(stream)};
                    sink.request();
                    for (int i = 0; i != 3; ++i) {
                        for (auto& source : sources) source.push(i);
                    }
                    sources[0].push(3);
                    sources[1].push(4);
                    if (fails) {
                        sources[2].fail(failure());
                    } else {
                        sources[2].end();
                    }
                    ex.run_ready();
                    CHECK(sink.items().size() == 3);
                    CHECK(sink.finished());
                };
                if (of_a_range) {
                    std::vector<decltype(sources[0].stream())> streams;
                    for (auto& source : sources) streams.push_back(source.stream());
                    check(zip(std::move(streams), note_number));
                } else {
                    check(zip(sources[0].stream(), sources[1].stream(), sources[2].stream(), note_number));
                }
                CHECK(orphans == std::vector{3, 4});
            }
        }
        std::function<void()> drop_all;
        int calls = 0;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, zip(a.stream(), b.stream(), weir::empty<int>(), [&](int) {
                            ++calls;
                            drop_all();
                        })};
        drop_all = [&] { sink.drop(); };
        sink.request();
        a.push(1);
        b.push(1);
        ex.run_ready();
        CHECK(calls == 1);
        CHECK_FALSE(sink.finished());
    }

    TEST_CASE("zip agrees with a zip of ranges, whenever items arrive") {
        std::mt19937 random{20240602};
        for (int round = 0; round != 400; ++round) {
            const auto left = support::random_numbers(random, 12, 0, 99);
            const auto right = support::random_numbers(random, 12, 0, 99);
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            probe_sink sink{ex, zip(a.stream(), b.stream())};
            std::size_t i = 0;
            std::size_t j = 0;
            while (i != left.size() || j != right.size()) {
                if (i != left.size() && random() % 2 == 0) a.push(left[i++]);
                if (j != right.size() && random() % 2 == 0) b.push(right[j++]);
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            a.end();
            if (random() % 2 == 0) ex.run_ready();
            b.end();
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            pairs expected;
            for (const auto& [x, y] : ranges::views::zip(left, right)) expected.emplace_back(x, y);
            CHECK(sink.items() == expected);
            CHECK_FALSE(a.polled_after_end());
            CHECK_FALSE(b.polled_after_end());
        }
    }
}
