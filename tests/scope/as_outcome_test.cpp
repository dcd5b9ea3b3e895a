// SPDX-License-Identifier: MIT
#include <weir/scope/as_outcome.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <manual.hpp>
#include <self_drop.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::as_outcome;
using weir::testing::virtual_executor;

namespace {

weir::task<int> number(int x) {
    co_await weir::sleep_for(1ms);
    if (x < 0) throw std::runtime_error{"negative"};
    co_return x;
}
weir::task<> nothing(bool fails) {
    if (fails) throw std::runtime_error{"failed"};
    co_return;
}
weir::task<int&> reference(int& x) { co_return x; }

} // namespace

TEST_SUITE("scope/as_outcome") {
    TEST_CASE("as_outcome returns the result of an operation, or its error") {
        virtual_executor ex;
        CHECK(*ex.run(as_outcome(number(3))) == 3);
        const weir::outcome<int> failed = ex.run(as_outcome(number(-1)));
        CHECK_FALSE(failed.has_value());
        CHECK_THROWS_WITH_AS(failed.value(), "negative", std::runtime_error);
        CHECK(ex.run(as_outcome(nothing(false))).has_value());
        CHECK_FALSE(ex.run(as_outcome(nothing(true))).has_value());
        int x = 5;
        CHECK(&*ex.run(as_outcome(reference(x))) == &x);
        CHECK(*ex.run(as_outcome(weir::iota(0, 4) | weir::count())) == 4);
        const std::runtime_error no{"no"};
        CHECK_FALSE(ex.run(as_outcome(weir::fail<int>(no) | weir::count())).has_value());
    }

    TEST_CASE("as_outcome keeps an error from failing the operations beside it") {
        virtual_executor ex;
        const auto [good, bad] = ex.run(weir::when_all(as_outcome(number(1)), as_outcome(number(-1))));
        CHECK(*good == 1);
        CHECK_FALSE(bad.has_value());
    }

    TEST_CASE("as_outcome destroys its operation before its result is seen, and when it is dropped") {
        virtual_executor ex;
        const auto token = std::make_shared<int>(1);
        const auto keeps = [](std::shared_ptr<int> kept, int x) -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            if (x < 0) throw std::runtime_error{"negative"};
            co_return *kept;
        };
        for (const int x : {1, -1}) {
            auto operation = as_outcome(keeps(token, x));
            CHECK(token.use_count() == 2);
            const auto wait = [&]() -> weir::task<bool> { co_return (co_await std::move(operation)).has_value(); };
            CHECK(ex.run(wait()) == (x > 0));
            CHECK(token.use_count() == 1);
        }
        support::operation_drops_itself([](weir::task<> inner) { return as_outcome(std::move(inner)); });
        const auto limited = ex.run(as_outcome(weir::with_timeout(1ms, number(1))));
        CHECK(limited.has_value()); // ready in the turn in which the time is up
    }
}
