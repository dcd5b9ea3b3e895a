// SPDX-License-Identifier: MIT
#include <weir/sink/first.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>

#include <weir/executor/executor.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/finally.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/first") {
    TEST_CASE("first returns the first item") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(4, 9) | weir::first()) == 4);
        CHECK(**ex.run(weir::just(std::make_unique<int>(1)) | weir::first()) == 1);
    }

    TEST_CASE("first returns nullopt for a stream without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | weir::first()) == std::nullopt);
    }

    TEST_CASE("first fails with its upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::first()), "up");
    }

    TEST_CASE("first pulls nothing after the first item") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (int i = 0; i != 3; ++i) source.push(i);
        CHECK(ex.run(source.stream() | weir::first()) == 0);
        CHECK(source.polls() == 1);
        CHECK(source.dropped());
    }

    TEST_CASE("first: an item that upstream adds after first() has ended is dropped silently") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        weir::testing::probe<int> afterwards;
        int hooks = 0;
        source.push(1);
        CHECK(ex.run(weir::concat(source.stream() | weir::finally([&] {
                                      ++hooks;
                                      afterwards.push(2);
                                  }),
                                  afterwards.stream()) |
                     weir::first()) == 1);
        CHECK(hooks == 1);
        CHECK(afterwards.polls() == 0);
        CHECK(afterwards.dropped());
        ex.run_until_idle();
    }
}
