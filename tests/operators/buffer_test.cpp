// SPDX-License-Identifier: MIT
#include <weir/operators/buffer.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::failure;
using support::numbers;
using weir::overflow;
using weir::testing::check_contract;
using weir::testing::contract_options;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/buffer") {
    TEST_CASE("buffer passes on items, the end and errors") {
        for (const char* diagram : {"|", "#", "a-b-c|", "a-[bc]-#", "[abcdef|]", "[abcdef#]", "a-b..."}) {
            for (const auto policy :
                 {overflow::suspend, overflow::drop_oldest, overflow::drop_newest, overflow::error}) {
                marbles m;
                CHECK(m.play(m.hot(diagram) | weir::buffer(2, policy)) == diagram);
            }
        }
    }

    TEST_CASE("buffer fills while the consumer works") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::buffer(3)};
        sink.request(1);
        ex.run_ready();
        CHECK(source.waiting());
        source.push(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        for (int i = 1; i != 9; ++i) {
            source.push(i);
            ex.run_ready();
        }
        CHECK(source.taken() == 4);
        CHECK_FALSE(source.waiting());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4, 5, 6, 7, 8});
    }

    TEST_CASE("buffer: upstream is not polled before the first poll") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::buffer(3)};
        ex.run_ready();
        CHECK(source.polls() == 0);
    }

    TEST_CASE("buffer: two buffers in a row hold the sum of both") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 10; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::buffer(1) | weir::buffer(2)};
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        CHECK(source.taken() == 1 + 3);
    }

    TEST_CASE("buffer fills again when half of it is free") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 100; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::buffer(8)};
        sink.request(1);
        ex.run_ready();
        const std::size_t full = source.taken();
        CHECK(full == 8);
        sink.request(2);
        ex.run_ready();
        CHECK(source.taken() == full);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == full + 4);
    }

    TEST_CASE("buffer: a buffer of one before take(2) pulls at most three items") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 10; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::buffer(1) | weir::take(2)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.ended());
        CHECK(source.taken() <= 3);
    }

    TEST_CASE("buffer: the end and errors follow the held items") {
        for (const bool fails : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            for (int i = 0; i != 4; ++i) source.push(i);
            if (fails) source.fail(failure());
            if (!fails) source.end();
            probe_sink sink{ex, source.stream() | weir::buffer(8)};
            sink.request(1);
            ex.run_ready();
            CHECK(source.dropped());
            CHECK_FALSE(sink.finished());
            sink.request(3);
            ex.run_ready();
            CHECK(sink.items() == numbers{0, 1, 2, 3});
            CHECK_FALSE(sink.finished());
            sink.request(1);
            ex.run_ready();
            CHECK(sink.ended() == !fails);
            CHECK(sink.failed() == fails);
        }
    }

    TEST_CASE("buffer: drop_oldest keeps the newest items for a slow consumer") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex,
                        source.stream() | weir::buffer(3, overflow::drop_oldest, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        for (int i = 0; i != 8; ++i) {
            source.push(i);
            ex.run_ready();
        }
        CHECK(dropped == numbers{1, 2, 3, 4});
        source.end();
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 5, 6, 7});
        CHECK(sink.ended());
    }

    TEST_CASE("buffer: drop_newest keeps the oldest items for a slow consumer") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex,
                        source.stream() | weir::buffer(3, overflow::drop_newest, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        for (int i = 0; i != 8; ++i) source.push(i);
        source.end();
        ex.run_ready();
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3});
        CHECK(dropped == numbers{4, 5, 6, 7});
    }

    TEST_CASE("buffer: overflow::error delivers held items and then the overflow, and drops upstream at once") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | weir::buffer(2, overflow::error, [&](int i) { dropped.push_back(i); })};
        sink.request(1);
        for (int i = 0; i != 5; ++i) {
            source.push(i);
            ex.run_ready();
        }
        CHECK(dropped == numbers{3});
        CHECK(source.dropped());
        CHECK_FALSE(sink.failed());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.error_message() == "weir::buffer: overflow: the consumer is behind, and 2 items are held");
        CHECK_THROWS_AS(std::rethrow_exception(sink.error()), weir::buffer_overflow);
    }

    TEST_CASE("buffer: a consumer that keeps up receives every item of a burst with every policy") {
        for (const auto policy : {overflow::suspend, overflow::drop_oldest, overflow::drop_newest, overflow::error}) {
            virtual_executor ex;
            int count = 0;
            ex.run(weir::iota(0, 5000) | weir::buffer(2, policy) | weir::for_each([&](int) { ++count; }));
            CHECK(count == 5000);
        }
    }

    TEST_CASE("buffer: upstream may drop the pipeline that it belongs to") {
        virtual_executor ex;
        probe<int> source;
        std::function<void()> drop;
        std::optional work{ex.spawn(source.stream() | weir::map([&drop](int i) {
                                        if (i == 2) drop(); // and this function with it
                                        return i;
                                    }) |
                                    weir::buffer(4) | weir::for_each([](int) {}))};
        drop = [&work] { work.reset(); };
        ex.run_ready();
        for (int i = 0; i != 3; ++i) {
            CHECK_FALSE(source.dropped());
            source.push(i);
            ex.run_ready();
        }
        CHECK(source.dropped());
        CHECK(ex.idle());
    }

    TEST_CASE("buffer overlaps the work of its source with that of its consumer") {
        virtual_executor ex;
        const auto source = [](int n) -> weir::async_stream<int> {
            for (int i = 0; i != n; ++i) {
                co_await weir::sleep_for(10ms);
                co_yield i;
            }
        };
        const auto work = [](int) -> weir::task<> { co_await weir::sleep_for(10ms); };
        ex.run(source(10) | weir::for_each(work));
        CHECK(ex.elapsed() == 200ms);
        virtual_executor overlapped;
        overlapped.run(source(10) | weir::buffer(1) | weir::for_each(work));
        CHECK(overlapped.elapsed() == 110ms);
    }

    TEST_CASE("buffer: items stay in order and none is lost") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 30, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::buffer(1 + round % 7)) == items);
        }
    }

    TEST_CASE("buffer allocates nothing per item") {
        for (const auto policy : {overflow::suspend, overflow::drop_oldest}) {
            CHECK(support::allocations_for_more_items([&](int n) {
                      virtual_executor ex;
                      ex.run(weir::iota(0, n) | weir::buffer(16, policy) | weir::for_each([](int) {}));
                  }) == 0);
        }
    }

    TEST_CASE("buffer accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::buffer(2) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("buffer rejects a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::buffer(0), "weir::buffer(n): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::buffer(-1), std::invalid_argument);
        CHECK_THROWS_AS(weir::buffer(0, overflow::drop_oldest), std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::buffer(2, overflow::latest),
                             "weir::buffer(n, overflow): overflow::latest is for from_callback; write buffer(1, "
                             "overflow::drop_oldest)",
                             std::invalid_argument);
    }

    TEST_CASE("buffer keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::buffer(1); }, {.prefetch = 1}) == "");
        CHECK(check_contract([] { return weir::buffer(4); }, {.prefetch = 4}) == "");
        const contract_options eager{.prefetch = contract_options::any_number};
        CHECK(check_contract([] { return weir::buffer(2, overflow::drop_oldest); }, eager) == "");
        CHECK(check_contract([] { return weir::buffer(2, overflow::drop_newest); }, eager) == "");
        CHECK(check_contract([] { return weir::buffer(6, overflow::error); }, eager) == "");
    }
}
