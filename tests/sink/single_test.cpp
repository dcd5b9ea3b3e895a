// SPDX-License-Identifier: MIT
#include <weir/sink/single.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <utility>

#include <results.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

TEST_SUITE("sink/single") {
    TEST_CASE("single returns the only item, and only after the end") {
        virtual_executor ex;
        probe<int> source;
        auto result = ex.spawn(source.stream() | weir::single());
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.end();
        CHECK(ex.run(std::move(result)) == 3);
        CHECK(*ex.run(weir::just(std::make_unique<int>(1)) | weir::single()) == 1);
    }

    TEST_CASE("single fails for no item and at the second item, which drops upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::empty<int>() | weir::single()), "weir::single: the stream has no item",
                             weir::not_single);
        probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        CHECK_THROWS_WITH_AS(ex.run(source.stream() | weir::single()),
                             "weir::single: the stream has more than one item", weir::not_single);
        CHECK(source.polls() == 2);
        CHECK(source.dropped());
    }

    TEST_CASE("single fails with its upstream") { CHECK(support::upstream_error(weir::single()) == "up"); }

    TEST_CASE("single accepts one item, whenever items arrive") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            if (numbers.size() == 1) {
                CHECK(run(weir::single()) == numbers.front());
            } else {
                CHECK_THROWS_AS(run(weir::single()), weir::not_single);
            }
        });
    }
}
