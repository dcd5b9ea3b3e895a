// SPDX-License-Identifier: MIT
#include <weir/source/defer.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include <allocations.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/defer") {
    TEST_CASE("defer passes on the items, the end and the error of its function's stream") {
        weir::testing::marbles m;
        CHECK(m.play(weir::defer([&] { return m.cold("-a-b|"); })) == "-a-b|");
        CHECK(m.play(weir::defer([&] { return m.cold("|"); })) == "|");
        CHECK(m.play(weir::defer([&] { return m.cold("-a-#"); })) == "-a-#");
        CHECK(m.play(weir::defer([&] { return m.cold("-a-b-..."); }) | weir::take(1)) == "-[a|]");
    }

    TEST_CASE("defer calls its function at the first poll, and once") {
        virtual_executor ex;
        int made = 0;
        weir::testing::probe_sink sink{ex, weir::defer([&] {
                                           ++made;
                                           return weir::iota(0, 3);
                                       })};
        ex.run_ready();
        CHECK(made == 0);
        sink.request();
        ex.run_ready();
        CHECK(made == 1);
        CHECK(sink.items() == std::vector{0, 1, 2});
        CHECK(sink.ended());
    }

    TEST_CASE("defer fails with its function") {
        weir::testing::marbles m;
        CHECK(m.play(weir::defer([]() -> weir::async_stream<int> { throw std::runtime_error{"no"}; })) == "#");
    }

    TEST_CASE("defer keeps its function for a coroutine with captures") {
        virtual_executor ex;
        auto numbers = weir::defer([next = 10]() mutable -> weir::async_stream<int> {
            co_yield next++;
            co_yield next++;
        });
        CHECK(ex.run(std::move(numbers) | weir::to<std::vector>()) == std::vector{10, 11});
    }

    TEST_CASE("defer allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::defer([n] { return weir::iota(0, n); }) | weir::drain());
              }) == 0);
    }
}
