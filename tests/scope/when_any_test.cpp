// SPDX-License-Identifier: MIT
#include <weir/scope/when_any.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <manual.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure_after;
using support::manual;
using support::value_after;
using weir::when_any;
using weir::winner;
using weir::testing::virtual_executor;

namespace {

weir::task<> nothing_after(weir::duration d) { co_await weir::sleep_for(d); }
weir::task<int&> reference_to(int& x) { co_return x; }

} // namespace

TEST_SUITE("scope/when_any") {
    TEST_CASE("when_any drops the losers and returns the position and the result of the first to end") {
        virtual_executor ex;
        manual<int> loser;
        auto body = [&]() -> weir::task<> {
            auto [index, value] = co_await when_any(loser.operation(), value_after(10ms, 5), value_after(5ms, 6));
            CHECK(index == 2);
            CHECK(value == 6);
            CHECK(loser.dropped());
            CHECK(ex.stats().timers_armed == 0);
        };
        ex.run(body());
        CHECK(ex.elapsed() == 5ms);
    }

    TEST_CASE("when_any returns results of different types as a variant with one alternative per operation") {
        virtual_executor ex;
        int x = 3;
        auto run = [&](weir::duration a, weir::duration b) {
            auto after = [&](weir::duration d) -> weir::task<int&> {
                co_await weir::sleep_for(d);
                co_return x;
            };
            return ex.run(when_any(value_after(a, std::string{"text"}), nothing_after(b), after(10ms)));
        };
        static_assert(std::same_as<decltype(run(0ms, 0ms)),
                                   winner<std::variant<std::string, weir::unit, std::reference_wrapper<int>>>>);
        auto first = run(1ms, 5ms);
        CHECK(first.index == 0);
        CHECK(std::get<0>(first.value) == "text");
        auto second = run(5ms, 1ms);
        CHECK(second.index == 1);
        CHECK(second.value.index() == 1);
        auto third = run(20ms, 20ms);
        CHECK(third.index == 2);
        CHECK(&std::get<2>(third.value).get() == &x);
    }

    TEST_CASE("when_any returns the position of operations without results") {
        virtual_executor ex;
        const winner<void> one = ex.run(when_any(nothing_after(5ms), weir::sleep_for(3ms)));
        CHECK(one.index == 1);
    }

    TEST_CASE("when_any keeps references") {
        virtual_executor ex;
        int x = 1;
        int y = 2;
        const winner<int&> one = ex.run(when_any(reference_to(x), reference_to(y)));
        CHECK(&one.value == &x);
    }

    TEST_CASE("when_any accepts a range") {
        virtual_executor ex;
        std::vector<weir::task<std::unique_ptr<int>>> range;
        for (int i = 0; i != 4; ++i) range.push_back(value_after(10ms * (4 - i), std::make_unique<int>(i)));
        auto [index, value] = ex.run(when_any(std::move(range)));
        CHECK(index == 3);
        CHECK(*value == 3);
        CHECK(ex.elapsed() == 10ms);
        CHECK_THROWS_WITH_AS(when_any(std::vector<weir::task<int>>{}), "weir::when_any(range): the range is empty",
                             std::invalid_argument);
    }

    TEST_CASE("when_any returns the first ready operation and does not start those behind it") {
        virtual_executor ex;
        manual<std::size_t> behind;
        const auto one =
            ex.run(when_any(weir::iota(0, 3) | weir::count(), weir::iota(0, 5) | weir::count(), behind.operation()));
        CHECK(one.index == 0);
        CHECK_FALSE(behind.started());
        CHECK(behind.dropped());
    }

    TEST_CASE("when_any throws the error of an operation that ends first") {
        virtual_executor ex;
        manual<int> loser;
        CHECK_THROWS_WITH(ex.run(when_any(value_after(10ms, 5), failure_after(5ms, "first"), loser.operation())),
                          "first");
        CHECK(loser.dropped());
        CHECK(ex.run(when_any(value_after(5ms, 5), failure_after(10ms, "second"))).value == 5);
    }

    TEST_CASE("when_any returns the first of two operations that end in one turn") {
        virtual_executor ex;
        manual<int> a;
        manual<int> b;
        auto handle = ex.spawn(when_any(a.operation(), b.operation()));
        ex.run_ready();
        b.complete(2);
        a.complete(1);
        const auto one = ex.run(std::move(handle));
        CHECK(one.index == 1);
        CHECK(a.dropped());
        CHECK_FALSE(a.taken());
    }

    TEST_CASE("when_any drops its operations when it is dropped at any suspension point") {
        for (int point = 0; point != 4; ++point) {
            virtual_executor ex;
            manual<int> a;
            manual<int> b;
            {
                auto handle = ex.spawn(when_any(a.operation(), b.operation()));
                if (point >= 1) ex.run_ready();
                if (point >= 2) a.complete(1);
                if (point >= 3) ex.run_ready();
            }
            CHECK(a.dropped());
            CHECK(b.dropped());
        }
    }
}
