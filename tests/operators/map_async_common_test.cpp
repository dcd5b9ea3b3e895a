// SPDX-License-Identifier: MIT
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <allocations.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <workshop.hpp>

using namespace std::chrono_literals;
using support::failure;
using support::numbers;
using support::value_after;
using support::workshop;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

namespace {

struct in_order {
    static constexpr const auto& function = weir::map_async;
};
struct as_ready {
    static constexpr const auto& function = weir::map_async_unordered;
};

} // namespace

TEST_SUITE("operators/map_async") {
    TEST_CASE_TEMPLATE("map_async ends with upstream, after the last result was delivered", Operator, in_order,
                       as_ready) {
        marbles m;
        CHECK(m.play(m.hot("|") | Operator::function(2, [&m](char c) { return value_after(m.ticks(1), c); })) == "|");
        CHECK(m.play(m.hot("a|") | Operator::function(2, [&m](char c) { return value_after(m.ticks(4), c); })) ==
              "----[a|]");
    }

    TEST_CASE_TEMPLATE("map_async ends at the next poll after its only result", Operator, in_order, as_ready) {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(Operator::function, 2)};
        sink.request(1);
        w.push_items(1);
        w.source.end();
        w.work[0].complete(5);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{5});
        const std::size_t before = sink.polls();
        sink.request(1);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.polls() == before + 1);
    }

    TEST_CASE_TEMPLATE("map_async runs operations to their end and polls upstream up to n while the consumer is busy",
                       Operator, in_order, as_ready) {
        virtual_executor ex;
        probe<int> source;
        numbers finished;
        const auto work = [&](int x) -> weir::task<int> {
            for (int i = 0; i != 3; ++i) co_await weir::sleep_for(1ms);
            finished.push_back(x);
            co_return x;
        };
        probe_sink sink{ex, source.stream() | Operator::function(3, work)};
        sink.request(1);
        source.push(0);
        ex.advance(10ms);
        REQUIRE(sink.items() == numbers{0});
        // The consumer is busy from here on.
        for (int i = 1; i != 6; ++i) {
            source.push(i);
            ex.advance(10ms);
        }
        CHECK(finished == numbers{0, 1, 2, 3});
        CHECK(source.taken() == 4);
        CHECK(sink.items() == numbers{0});
        sink.request(3);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3}); // at once
    }

    TEST_CASE_TEMPLATE("map_async polls upstream up to n after a ready result while the consumer is busy", Operator,
                       in_order, as_ready) {
        virtual_executor ex;
        workshop w;
        w.push_items(10);
        for (auto& each : w.work) each.complete(7);
        probe_sink sink{ex, w.mapped(Operator::function, 4)};
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{7});
        CHECK(w.made == 5); // one was delivered, four wait
        CHECK(w.work[4].taken());
    }

    TEST_CASE_TEMPLATE("map_async delivers the failure of its first operation while upstream has no second item",
                       Operator, in_order, as_ready) {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(Operator::function, 4)};
        sink.request();
        w.push_items(1);
        ex.run_ready();
        CHECK(w.source.waiting());
        w.work[0].fail(failure());
        ex.run_ready();
        CHECK(sink.error_message() == "failed");
        CHECK(w.source.dropped());
    }

    TEST_CASE_TEMPLATE("map_async delivers a failure that occurred while the consumer was busy", Operator, in_order,
                       as_ready) {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(Operator::function, 2)};
        sink.request(1);
        w.push_items(3);
        w.work[0].complete(0);
        ex.run_ready();
        w.work[1].complete(1);
        w.work[2].fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.failed());
    }

    TEST_CASE_TEMPLATE("map_async destroys its operations when it is dropped, also with a queued wake", Operator,
                       in_order, as_ready) {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(Operator::function, 3)};
        sink.request();
        w.push_items(5);
        ex.run_ready();
        w.work[1].complete(1);
        ex.run_ready(); // held
        w.work[2].complete(2);
        sink.drop();
        CHECK(w.running() == 0);
        CHECK(w.source.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE_TEMPLATE("map_async may be dropped by one of its operations during a poll of the driver or the consumer",
                       Operator, in_order, as_ready) {
        for (const bool busy : {false, true}) {
            for (const int turns : {0, 1}) {
                CAPTURE(busy);
                CAPTURE(turns);
                virtual_executor ex;
                std::optional<weir::join_handle<weir::task<>>> handle;
                const auto work = [&](int x) -> weir::task<int> {
                    if (x == 3) {
                        for (int i = 0; i != turns; ++i) co_await weir::yield();
                        handle.reset();
                    }
                    co_await weir::yield();
                    co_return x;
                };
                const auto body = [&]() -> weir::task<> {
                    co_await (weir::iota(0) | Operator::function(2, work) | weir::for_each([&](int) -> weir::task<> {
                                  if (busy) co_await weir::sleep_for(1ms);
                              }));
                };
                handle.emplace(ex.spawn(body()));
                ex.advance(10ms);
                CHECK_FALSE(handle);
            }
        }
    }

    TEST_CASE_TEMPLATE("map_async keeps the captures and the item of a coroutine lambda as long as its operation",
                       Operator, in_order, as_ready) {
        virtual_executor ex;
        auto exclaim = [suffix = std::string(40, '!')](const std::string& word) -> weir::task<std::string> {
            co_await weir::yield();
            co_return word + suffix;
        };
        const auto word = weir::map([](int x) { return std::string(40, static_cast<char>('a' + x)); });
        probe_sink sink{ex, weir::iota(0, 5) | word | Operator::function(2, std::move(exclaim))};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 5);
        CHECK(sink.items()[4] == std::string(40, 'e') + std::string(40, '!'));
    }

    TEST_CASE_TEMPLATE("map_async returns units for operations without a result", Operator, in_order, as_ready) {
        virtual_executor ex;
        numbers seen;
        probe_sink sink{ex, weir::iota(0, 3) | Operator::function(2, [&](int x) -> weir::task<> {
                                co_await weir::yield();
                                seen.push_back(x);
                            })};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector<weir::unit>(3));
        CHECK(seen == numbers{0, 1, 2});
    }

    TEST_CASE_TEMPLATE("map_async keeps the contract of a stream", Operator, in_order, as_ready) {
        for (const int n : {1, 2, 5}) {
            const std::size_t ahead = static_cast<std::size_t>(n);
            CHECK(check_contract([&] { return Operator::function(n, [](tracked x) { return support::one_turn{x}; }); },
                                 {.prefetch = ahead}) == "");
            CHECK(check_contract(
                      [&] { return Operator::function(n, [](tracked x) -> weir::task<tracked> { co_return x; }); },
                      {.prefetch = ahead, .copies = 1}) == "");
            CHECK(check_contract(
                      [&] { return Operator::function(n, [](tracked x) { return weir::sleep_for(int{x} * 1ms); }); },
                      {.prefetch = ahead}) == "");
        }
    }

    TEST_CASE_TEMPLATE("map_async moves items and results", Operator, in_order, as_ready) {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        probe_sink sink{ex, weir::iota(0, 3) | weir::map(boxed) |
                                Operator::function(2, [](std::unique_ptr<int> x) -> weir::task<std::unique_ptr<int>> {
                                    co_return x;
                                })};
        sink.request(1);
        ex.run_ready();
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 3);
        CHECK(*sink.items()[2] == 2);
    }

    TEST_CASE_TEMPLATE("map_async allocates nothing per item", Operator, in_order, as_ready) {
        const auto run = [](int n) {
            virtual_executor ex;
            ex.run(weir::iota(0, n) | Operator::function(16, [](int x) { return support::one_turn{x}; }) |
                   weir::drain());
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE_TEMPLATE("map_async does not grow the stack with operations that are ready", Operator, in_order,
                       as_ready) {
        virtual_executor ex;
        int seen = 0;
        ex.run(weir::iota(0, 200'000) | Operator::function(8, [](int x) -> weir::task<int> { co_return x; }) |
               weir::for_each([&](int) { ++seen; }));
        CHECK(seen == 200'000);
    }
}
