// SPDX-License-Identifier: MIT
#include <weir/source/generate.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include <allocations.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/generate") {
    TEST_CASE("generate calls its function for each item and ends at nullopt") {
        weir::testing::marbles m;
        int n = 0;
        CHECK(m.play(weir::generate([&] { return n == 3 ? std::nullopt : std::optional{++n}; })) == "[123|]");
        CHECK(m.play(weir::generate([] { return std::optional<int>{}; })) == "|");
    }

    TEST_CASE("generate with a function that returns no optionals does not end") {
        weir::testing::marbles m;
        CHECK(m.play(weir::generate([n = 0]() mutable { return ++n; }) | weir::take(4)) == "[1234|]");
        static_assert(std::is_same_v<decltype(weir::generate([] { return 'c'; }))::value_type, char>);
    }

    TEST_CASE("generate calls its function only when it is polled") {
        int calls = 0;
        virtual_executor ex;
        weir::testing::probe_sink sink{ex, weir::generate([&] { return ++calls; })};
        ex.run_ready();
        CHECK(calls == 0);
        sink.request(2);
        ex.run_ready();
        CHECK(calls == 2);
    }

    TEST_CASE("generate: an exception from the function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(weir::generate([n = 0]() mutable -> int {
            if (++n == 3) throw std::runtime_error{"three"};
            return n;
        })) == "[12#]");
    }

    TEST_CASE("generate moves items") {
        virtual_executor ex;
        const auto item =
            ex.run(weir::generate([] { return std::optional{std::make_unique<int>(1)}; }) | weir::first());
        CHECK(**item == 1);
    }

    TEST_CASE("generate allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::generate([i = 0]() mutable { return i++; }) | weir::take(n) | weir::drain());
              }) == 0);
    }
}
