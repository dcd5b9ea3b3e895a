// SPDX-License-Identifier: MIT
#include <weir/operators/dematerialize.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weir/operators/map.hpp>
#include <weir/scope/outcome.hpp>
#include <weir/sink/drain.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using weir::outcome;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// Items as outcomes; x is an error.
const auto outcomes = weir::map([](char c) {
    if (c == 'x') return outcome<char>::failed(std::make_exception_ptr(weir::testing::marble_error{}));
    return outcome<char>(c);
});

} // namespace

TEST_SUITE("operators/dematerialize") {
    TEST_CASE("dematerialize: values pass, and the first outcome with an error ends the stream") {
        marbles m;
        CHECK(m.play(m.hot("--a-b-|") | outcomes | weir::dematerialize()) == "--a-b-|");
        CHECK(m.play(m.cold("--a-x-c|") | outcomes | weir::dematerialize()) == "--a-#");
        CHECK(m.play(m.cold("--a-#") | outcomes | weir::dematerialize()) == "--a-#");
        CHECK(m.play(m.cold("|") | outcomes | weir::dematerialize()) == "|");
    }

    TEST_CASE("dematerialize destroys upstream before its error is seen") {
        virtual_executor ex;
        probe<outcome<int>> source;
        source.push(outcome<int>(1));
        source.push(outcome<int>::failed(std::make_exception_ptr(std::runtime_error{"stored"})));
        CHECK_THROWS_WITH(ex.run(source.stream() | weir::dematerialize() | weir::drain()), "stored");
        CHECK(source.dropped());
        CHECK(source.polls() == 2);
    }

    TEST_CASE("dematerialize keeps the contract of a stream") {
        const auto wrap = weir::map([](auto item) { return outcome<decltype(item)>(std::move(item)); });
        CHECK(check_contract([&] { return wrap | weir::dematerialize(); }) == "");
    }
}
