// SPDX-License-Identifier: MIT
#include <weir/operators/with_latest_from.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/core/closure.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::numbers;
using weir::with_latest_from;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;
using pairs = std::vector<std::pair<int, int>>;

TEST_SUITE("operators/with_latest_from") {
    TEST_CASE("with_latest_from emits each item with the newest item of the other stream") {
        marbles m;
        CHECK(m.play(m.hot("-1--2----3-|") | with_latest_from(m.hot("--a---b-------|"))) == "----(2a)----(3b)-|");
        CHECK(m.play(m.hot("--1-2-3-|") | with_latest_from(m.hot("[abc]d-e-f..."))) == "--(1d)-(2e)-(3f)-|");
        CHECK(m.play(m.hot("[12]-[34]|") | with_latest_from(m.hot<int>("7|"))) == "[(17)(27)]-[(37)(47)]|");
    }

    TEST_CASE("with_latest_from drops items that arrive before the first of the other stream") {
        marbles m;
        std::string dropped;
        const auto note = [&dropped](char c) { dropped += c; };
        CHECK(m.play(m.hot("12-3--4|") | with_latest_from(m.hot("----a"), note)) == "------(4a)|");
        CHECK(dropped == "123");
        CHECK(m.play(m.hot("12-3--4|") | with_latest_from(weir::never<char>())) == "-------|");
    }

    TEST_CASE("with_latest_from drops items of the other stream that were in no pair, each with its reason") {
        const auto dropped_of = [](const char* in, const char* other) {
            marbles m;
            std::string dropped;
            m.play(m.hot(in) | with_latest_from(m.hot(other), [&dropped](char c, weir::drop_reason why) {
                       dropped += c;
                       dropped += why == weir::drop_reason::replaced ? 'r' : 'u';
                   }));
            return dropped;
        };
        CHECK(dropped_of("---1-2-------|", "abc-d-efg---") == "arbrerfrgu");
        CHECK(dropped_of("---1-2---#", "abc-d-ef----") == "arbrerfu");
        CHECK(dropped_of("---1-2------", "abc-d-ef-#") == "arbrerfu");
        CHECK(dropped_of("-1-|", "a|") == "");
    }

    TEST_CASE("with_latest_from: an item of the other stream in the same tick counts, whichever wakes first") {
        marbles m;
        CHECK(m.play(m.hot("--1-2|") | with_latest_from(m.hot("--a-b"))) == "--(1a)-(2b)|");

        for (const bool other_first : {false, true}) {
            CAPTURE(other_first);
            virtual_executor ex;
            probe<int> source;
            probe<int> other;
            probe_sink sink{ex, source.stream() | with_latest_from(other.stream())};
            sink.request();
            ex.run_ready();
            if (other_first) other.push(5);
            source.push(1);
            if (!other_first) other.push(5);
            ex.run_ready();
            CHECK(sink.items() == pairs{{1, 5}});
        }
    }

    TEST_CASE("with_latest_from ends with upstream, or when the other stream has ended without an item") {
        marbles m;
        CHECK(m.play(m.hot("|") | with_latest_from(m.hot("..."))) == "|");
        CHECK(m.play(m.hot("a-b|") | with_latest_from(m.hot("x|"))) == "(ax)-(bx)|");
        CHECK(m.play(m.hot("a-b...") | with_latest_from(m.hot("-|"))) == "-|");
        CHECK(m.play(m.hot("a...") | with_latest_from(m.hot("x..."))) == "(ax)...");
        CHECK(m.play(m.hot("a-b") | with_latest_from(weir::empty<int>())) == "|");

        for (const bool by_other : {false, true}) {
            CAPTURE(by_other);
            virtual_executor ex;
            probe<int> source;
            probe<int> other;
            probe_sink sink{ex, source.stream() | with_latest_from(other.stream())};
            sink.request();
            ex.run_ready();
            (by_other ? other : source).end();
            ex.run_ready();
            CHECK(sink.ended());
            CHECK(source.dropped());
            CHECK(other.dropped());
        }
    }

    TEST_CASE("with_latest_from drops both streams at an error of either") {
        marbles m;
        CHECK(m.play(m.hot("a-#") | with_latest_from(m.hot("x"))) == "(ax)-#");
        CHECK(m.play(m.hot("a----b|") | with_latest_from(m.hot("x-#"))) == "(ax)-#");
        CHECK(m.play(m.hot("a----b|") | with_latest_from(m.hot("--#"))) == "--#");
        CHECK(m.play(m.hot("a|") | with_latest_from(weir::fail<int>(weir::testing::marble_error{}))) == "#");

        for (const bool by_other : {false, true}) {
            CAPTURE(by_other);
            virtual_executor ex;
            probe<int> source;
            probe<int> other;
            probe_sink sink{ex, source.stream() | with_latest_from(other.stream())};
            sink.request();
            other.push(1);
            ex.run_ready();
            (by_other ? other : source).fail(failure());
            ex.run_ready();
            CHECK(sink.error_message() == "failed");
            CHECK(source.dropped());
            CHECK(other.dropped());
        }
    }

    TEST_CASE("with_latest_from: an error of the other stream comes after an item that is ready, whatever the pace of "
              "the consumer") {
        marbles m;
        CHECK(m.play(m.hot("a-b-c") | with_latest_from(m.hot("x-#"))) == "(ax)-[(bx)#]");
        CHECK(m.play(m.hot("a-|") | with_latest_from(m.hot("x-#"))) == "(ax)-#");
        for (int busy = 0; busy != 8; ++busy) {
            CAPTURE(busy);
            CHECK(support::seen_when_busy(m, busy, m.hot("ab-----") | with_latest_from(m.hot("x--#"))) == "(ax)(bx)#");
        }
    }

    TEST_CASE("with_latest_from polls the other stream, and not upstream, while the consumer is busy") {
        virtual_executor ex;
        probe<int> source;
        probe<int> other;
        probe_sink sink{ex, source.stream() | with_latest_from(other.stream())};
        ex.run_ready();
        CHECK(source.polls() == 0);
        CHECK(other.polls() == 0);
        sink.request(1);
        for (int i = 1; i != 4; ++i) source.push(i);
        other.push(10);
        ex.run_ready();
        REQUIRE(sink.items() == pairs{{1, 10}});
        for (int i = 11; i != 14; ++i) {
            other.push(i);
            ex.run_ready();
        }
        CHECK(source.taken() == 1);
        CHECK(other.taken() == 4);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == pairs{{1, 10}, {2, 13}});
        CHECK(source.taken() == 2);
    }

    TEST_CASE("with_latest_from does not wake its consumer for an item of the other stream") {
        virtual_executor ex;
        probe<int> source;
        probe<int> other;
        probe_sink sink{ex, source.stream() | with_latest_from(other.stream())};
        sink.request();
        ex.run_ready();
        const std::size_t before = sink.polls();
        for (int i = 0; i != 10; ++i) {
            other.push(i);
            ex.run_ready();
        }
        CHECK(sink.polls() == before);
        source.push(1);
        ex.run_ready();
        CHECK(sink.items() == pairs{{1, 9}});
    }

    TEST_CASE(
        "with_latest_from: a consumer that stops early drops both streams, and so does a drop with a queued wake") {
        virtual_executor ex;
        probe<int> source;
        probe<int> other;
        probe_sink sink{ex, source.stream() | with_latest_from(other.stream()) | weir::take(1)};
        sink.request();
        source.push(1);
        other.push(1);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(source.dropped());
        CHECK(other.dropped());

        probe<int> a;
        probe<int> b;
        probe_sink second{ex, a.stream() | with_latest_from(b.stream())};
        second.request();
        ex.run_ready();
        a.push(1);
        b.push(1);
        second.drop();
        CHECK(a.dropped());
        CHECK(b.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("with_latest_from may be dropped by either stream while that is polled") {
        support::drop_from_within([](auto s) { return std::move(s) | with_latest_from(weir::just(1)); });
        support::drop_from_within([](auto s) { return weir::iota(0) | with_latest_from(std::move(s)); });
        support::drop_from_within([](auto s) { return weir::never<int>() | with_latest_from(std::move(s)); });
    }

    TEST_CASE("with_latest_from keeps the contract of a stream") {
        CHECK(check_contract([] { return with_latest_from(weir::just(1)); }) == "");
        CHECK(check_contract([] { return with_latest_from(weir::iota(0, 10)); }) == "");
        CHECK(check_contract([] { return with_latest_from(weir::empty<int>()); }) == "");
        CHECK(check_contract([] { return with_latest_from(weir::never<int>()); }) == "");
        CHECK(check_contract(
                  [] { return weir::closure{[](auto s) { return weir::just(1) | with_latest_from(std::move(s)); }}; },
                  {.prefetch = weir::testing::contract_options::any_number, .copies = 1}) == "");
    }

    TEST_CASE("with_latest_from moves the items of upstream") {
        virtual_executor ex;
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        probe_sink sink{ex, weir::iota(0, 2) | boxed | with_latest_from(weir::just(std::string(40, 'x')))};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(*sink.items()[1].first == 1);
        CHECK(sink.items()[0].second == std::string(40, 'x'));
        CHECK(sink.items()[1].second == std::string(40, 'x'));
    }

    TEST_CASE("with_latest_from allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int pairs = 0;
            int dropped = 0;       // of upstream
            int other_dropped = 0; // of the other stream, whose items have another type
            ex.run(support::late_items{1, n} |
                   with_latest_from(support::late_items{1, n} | weir::map([](int i) { return long{i}; }),
                                    [&](auto item) { ++(sizeof(item) == sizeof(int) ? dropped : other_dropped); }) |
                   weir::for_each([&](std::pair<int, long>) { ++pairs; }));
            CHECK(pairs + dropped == n);
            CHECK(other_dropped <= n);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("with_latest_from: neither stream starves others or the other one when it is always ready") {
        virtual_executor ex;
        auto dropping = ex.spawn(weir::iota(0) | with_latest_from(weir::never<int>()) | weir::drain());
        auto flooded = ex.spawn(weir::iota(0, 10) | with_latest_from(weir::iota(0)) | weir::drain());
        for (int i = 0; i != 30; ++i) ex.turn(ex.now());
        CHECK_FALSE(dropping.finished());
        CHECK(flooded.finished());
    }

    TEST_CASE("with_latest_from agrees with a model, in any order of arrival") {
        std::mt19937 random{20240706};
        for (int round = 0; round != 400; ++round) {
            virtual_executor ex;
            probe<int> source;
            probe<int> other;
            numbers dropped;
            probe_sink sink{ex,
                            source.stream() | with_latest_from(other.stream(), [&](int x) { dropped.push_back(x); })};
            sink.request(1);
            ex.run_ready();
            // The model.
            std::deque<int> arrived;
            std::optional<int> latest;
            bool unseen = false;
            std::size_t wanted = 1;
            pairs expected;
            numbers expected_dropped;
            const auto run = [&] {
                ex.run_ready();
                for (; wanted != 0 && !arrived.empty(); arrived.pop_front()) {
                    if (latest) {
                        expected.emplace_back(arrived.front(), *latest);
                        unseen = false;
                        --wanted;
                    } else {
                        expected_dropped.push_back(arrived.front());
                    }
                }
            };
            for (int step = 0; step != 30; ++step) {
                if (random() % 2 == 0) {
                    source.push(step);
                    arrived.push_back(step);
                }
                if (random() % 8 == 0) {
                    other.push(step);
                    if (unseen) expected_dropped.push_back(*latest);
                    latest = step;
                    unseen = true;
                }
                if (random() % 2 == 0) {
                    const std::size_t more = random() % 3;
                    sink.request(more);
                    wanted += more;
                }
                if (random() % 2 == 0) run();
            }
            source.end();
            sink.request(100);
            wanted += 100;
            run();
            if (unseen) expected_dropped.push_back(*latest);
            CHECK(sink.ended());
            CHECK(sink.items() == expected);
            CHECK(dropped == expected_dropped);
            CHECK_FALSE(source.polled_after_end());
        }
    }
}
