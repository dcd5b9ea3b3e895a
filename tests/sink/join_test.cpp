// SPDX-License-Identifier: MIT
#include <weir/sink/join.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

TEST_SUITE("sink/join") {
    TEST_CASE("join puts a separator between items, empty ones included") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<std::string>() | weir::join(", ")).empty());
        CHECK(ex.run(weir::just<std::string>("a") | weir::join(", ")) == "a");
        CHECK(ex.run(weir::just<std::string>("a", "", "c") | weir::join(", ")) == "a, , c");
        CHECK(ex.run(weir::just<std::string_view>("", "b") | weir::join("-")) == "-b");
        CHECK(ex.run(weir::just('a', 'b') | weir::join()) == "ab");
    }

    TEST_CASE("join reads to the end, and fails with its upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<std::string>(std::runtime_error{"up"}) | weir::join(", ")), "up");
        probe<char> source;
        source.push('a');
        auto joined = ex.spawn(source.stream() | weir::join("-"));
        ex.run_ready();
        source.push('b');
        ex.run_ready();
        CHECK_FALSE(joined.finished());
        source.end();
        ex.run_ready();
        CHECK(joined.finished());
        CHECK(source.dropped());
        CHECK(ex.run(std::move(joined)) == "a-b");
    }
}
