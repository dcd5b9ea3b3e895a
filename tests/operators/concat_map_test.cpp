// SPDX-License-Identifier: MIT
#include <weir/operators/concat_map.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/transform.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::numbers;
using weir::concat_map;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/concat_map") {
    TEST_CASE("concat_map emits the inner streams one after the other") {
        marbles m;
        const auto inner = [&m](char) { return m.cold("1-2-3|"); };
        CHECK(m.play(m.hot("--a--b-----|") | concat_map(inner)) == "--1-2-31-2-3|");
        CHECK(m.play(m.hot("a---------b|") | concat_map(inner)) == "1-2-3-----1-2-3|");
    }

    TEST_CASE("concat_map emits nothing for empty inner streams") {
        marbles m;
        CHECK(m.play(m.hot("-a-b-|") | concat_map([](char) { return weir::empty<char>(); })) == "-----|");
        CHECK(m.play(m.hot("|") | concat_map([](char) { return weir::never<char>(); })) == "|");
    }

    TEST_CASE("concat_map polls upstream after the inner stream has ended, not before") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | concat_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        outer.push(2);
        inner.push(10);
        ex.run_ready();
        CHECK(sink.items() == numbers{10});
        CHECK(outer.taken() == 1);
        CHECK(outer.polls() == 1);
        inner.end();
        ex.run_ready();
        CHECK(outer.taken() == 2);
    }

    TEST_CASE("concat_map: an error of the outer stream arrives after the end of the active inner stream") {
        marbles m;
        CHECK(m.play(m.hot("a-#") | concat_map([&m](char) { return m.cold("1-2-3-|"); })) == "1-2-3-#");
    }

    TEST_CASE("concat_map: an error of an inner stream ends the stream and drops upstream at once") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | concat_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        inner.push(10);
        inner.fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{10});
        CHECK(sink.error_message() == "failed");
        CHECK(outer.dropped());
        CHECK(inner.dropped());
    }

    TEST_CASE("concat_map: an exception from the function ends the stream and drops upstream at once") {
        virtual_executor ex;
        probe<int> outer;
        probe_sink sink{ex, outer.stream() | concat_map([](int x) {
                                if (x == 2) throw std::runtime_error{"no stream for 2"};
                                return weir::just(x);
                            })};
        sink.request();
        outer.push(1);
        outer.push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.error_message() == "no stream for 2");
        CHECK(outer.dropped());
    }

    TEST_CASE("concat_map drops the inner stream and upstream when it is dropped") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | concat_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        inner.push(1);
        sink.drop();
        CHECK(outer.dropped());
        CHECK(inner.dropped());
    }

    TEST_CASE("concat_map: the captures and the item of a coroutine lambda live as long as its stream") {
        virtual_executor ex;
        auto repeat = [times = std::make_unique<int>(3)](const std::string& word) -> weir::async_stream<std::string> {
            for (int i = 0; i != *times; ++i) {
                co_await weir::yield();
                co_yield word;
            }
        };
        const auto word = weir::map([](int x) { return std::string(40, static_cast<char>('a' + x)); });
        probe_sink sink{ex, weir::iota(0, 2) | word | concat_map(std::move(repeat))};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        REQUIRE(sink.items().size() == 6);
        CHECK(sink.items()[0] == std::string(40, 'a'));
        CHECK(sink.items()[5] == std::string(40, 'b'));
    }

    TEST_CASE("concat_map: empty inner streams without end let others run") {
        virtual_executor ex;
        auto handle =
            ex.spawn(weir::iota(0) | concat_map([](int) { return weir::empty<int>(); }) | weir::for_each([](int) {}));
        bool ran = false;
        ex.post([&] { ran = true; });
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK(ran);
        CHECK_FALSE(handle.finished());
    }

    TEST_CASE("concat_map keeps the contract of a stream") {
        const auto same = [](tracked x) { return weir::just(std::move(x)); };
        CHECK(check_contract([&] { return concat_map(same); }) == "");
        CHECK(check_contract([] { return concat_map([](tracked) { return weir::empty<tracked>(); }); }) == "");
        CHECK(check_contract([] { return concat_map([](tracked x) { return support::late_items{x, 2}; }); }) == "");
    }

    TEST_CASE("concat_map moves its items") {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        probe_sink sink{ex, weir::iota(0, 2) | weir::map(boxed) | concat_map([](std::unique_ptr<int> x) {
                                return weir::just(std::move(x), std::make_unique<int>(7));
                            })};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 4);
        CHECK(*sink.items()[2] == 1);
    }

    TEST_CASE("concat_map allocates nothing per item or inner stream") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(weir::iota(0, n) | concat_map([](int x) { return support::late_items{x, x % 3}; }) |
                   weir::for_each([&](int x) { sum += x; }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("concat_map: ready inner streams do not grow the stack") {
        virtual_executor ex;
        int seen = 0;
        ex.run(weir::iota(0, 500'000) | concat_map([](int x) { return weir::iota(x, x + x % 4); }) |
               weir::for_each([&](int) { ++seen; }));
        CHECK(seen == 750'000);
    }

    TEST_CASE("concat_map agrees with transform and join, whenever items arrive") {
        std::mt19937 random{20240604};
        namespace views = ranges::views;
        for (int round = 0; round != 300; ++round) {
            const auto items = support::random_numbers(random, 12, 0, 6);
            const auto expected = items | views::transform([](int x) { return views::iota(x, x + x % 4); }) |
                                  views::join | ranges::to<std::vector>();
            const bool late = round % 2 == 0;
            const auto actual =
                support::arrive_at_random(random, items, concat_map([late](int x) -> weir::async_stream<int> {
                                              for (int i = x; i != x + x % 4; ++i) {
                                                  if (late && i % 2 == 0) co_await weir::yield();
                                                  co_yield i;
                                              }
                                          }));
            CHECK(actual == expected);
        }
    }
}
