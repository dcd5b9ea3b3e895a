// SPDX-License-Identifier: MIT
#include <weir/source/repeat.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;
using namespace std::chrono_literals;

TEST_SUITE("source/repeat") {
    TEST_CASE("repeat emits a stream a number of times") {
        weir::testing::marbles m;
        CHECK(m.play(weir::repeat([&] { return m.cold("-a-b|"); }, 2)) == "-a-b-a-b|");
        CHECK(m.play(weir::repeat([&] { return m.cold("-a|"); }, 0)) == "|");
        CHECK(m.play(weir::repeat([&] { return m.cold("-a-#"); }, 2)) == "-a-#");
    }

    TEST_CASE("repeat without a number goes on until the consumer stops") {
        virtual_executor ex;
        CHECK(ex.run(weir::repeat([] { return weir::iota(1, 3); }) | weir::take(5) | weir::to<std::vector>()) ==
              std::vector{1, 2, 1, 2, 1});
    }

    TEST_CASE("repeat calls its function only when the consumer polls") {
        virtual_executor ex;
        int made = 0;
        weir::testing::probe_sink sink{ex, weir::repeat([&] {
                                           ++made;
                                           return weir::iota(0, 1);
                                       })};
        ex.run_ready();
        CHECK(made == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(made == 2);
    }

    TEST_CASE("repeat of streams without items lets others run") {
        virtual_executor ex;
        bool ran = false;
        const auto forever = ex.spawn(weir::repeat([] { return weir::empty<int>(); }) | weir::drain());
        ex.post([&] { ran = true; });
        for (int i = 0; i != 3; ++i) ex.turn();
        CHECK(ran);
    }

    TEST_CASE("repeat: an exception from the function ends the stream") {
        weir::testing::marbles m;
        int made = 0;
        CHECK(m.play(weir::repeat([&] {
            if (++made == 2) throw std::runtime_error{"second"};
            return m.cold("a|");
        })) == "a#");
    }

    TEST_CASE("repeat rejects a negative number") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::repeat([] { return weir::iota(0, 1); }, -1)),
                             "weir::repeat(f, times): times is negative", std::invalid_argument);
    }

    TEST_CASE("repeat: the function may be a coroutine with captures") {
        virtual_executor ex;
        std::vector<int> started;
        auto numbers = weir::repeat(
            [&started, next = 10]() mutable -> weir::async_stream<int> {
                started.push_back(next);
                co_yield next++;
                co_yield next++;
            },
            2);
        CHECK(ex.run(std::move(numbers) | weir::to<std::vector>()) == std::vector{10, 11, 12, 13});
        CHECK(started == std::vector{10, 12});
    }

    TEST_CASE("repeat allocates nothing per stream") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::repeat([] { return weir::iota(0, 2); }, n) | weir::drain());
              }) == 0);
    }
}
