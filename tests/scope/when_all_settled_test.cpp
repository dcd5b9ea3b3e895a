// SPDX-License-Identifier: MIT
#include <weir/scope/when_all_settled.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <manual.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using support::failure_after;
using support::manual;
using weir::when_all_settled;
using weir::testing::virtual_executor;

namespace {

weir::task<> nothing_after(weir::duration d) { co_await weir::sleep_for(d); }
weir::task<std::unique_ptr<int>> pointer_to(int x) { co_return std::make_unique<int>(x); }
weir::task<int&> reference_to(int& x) { co_return x; }

} // namespace

TEST_SUITE("scope/when_all_settled") {
    TEST_CASE("when_all_settled runs each operation to its end and returns its result or its error") {
        virtual_executor ex;
        int x = 1;
        auto [a, b, c, d] =
            ex.run(when_all_settled(failure_after(10ms, "a"), pointer_to(5), nothing_after(30ms), reference_to(x)));
        CHECK(ex.elapsed() == 30ms);
        CHECK_FALSE(a);
        CHECK_THROWS_WITH(a.value(), "a");
        CHECK(a.error() != nullptr);
        CHECK(b);
        CHECK(b.error() == nullptr);
        CHECK(**b == 5);
        const std::unique_ptr<int> taken = *std::move(b);
        CHECK(*taken == 5);
        CHECK(c.has_value());
        static_assert(std::same_as<decltype(c), weir::outcome<>>);
        c.value();
        CHECK(&d.value() == &x);
    }

    TEST_CASE("when_all_settled returns a vector for a range") {
        virtual_executor ex;
        std::vector<weir::task<int>> range;
        range.push_back(failure_after(10ms, "a"));
        range.push_back(failure_after(5ms, "b"));
        auto all = ex.run(when_all_settled(std::move(range)));
        REQUIRE(all.size() == 2);
        CHECK_THROWS_WITH(all[0].value(), "a");
        CHECK_THROWS_WITH(all[1].value(), "b");
        CHECK(ex.run(when_all_settled(std::vector<weir::task<int>>{})).empty());
    }

    TEST_CASE("when_all_settled: an outcome returns its result or throws its error") {
        struct pair {
            int first;
        };
        weir::outcome<pair> good{pair{3}};
        CHECK(good->first == 3);
        CHECK((*good).first == 3);
        CHECK(std::as_const(good).value().first == 3);
        const auto bad = weir::outcome<std::exception_ptr>::failed(std::make_exception_ptr(std::runtime_error{"bad"}));
        CHECK_FALSE(bad.has_value());
        CHECK_THROWS_WITH(std::rethrow_exception(bad.error()), "bad");
        const auto nothing = weir::outcome<>::failed(std::make_exception_ptr(std::runtime_error{"void"}));
        CHECK_THROWS_WITH(nothing.value(), "void");
    }

    TEST_CASE("when_all_settled drops its operations when it is dropped at any suspension point") {
        for (int point = 0; point != 4; ++point) {
            virtual_executor ex;
            manual<int> a;
            manual<int> b;
            {
                auto handle = ex.spawn(when_all_settled(a.operation(), b.operation()));
                if (point >= 1) ex.run_ready();
                if (point >= 2) a.fail(std::make_exception_ptr(1));
                if (point >= 3) ex.run_ready();
            }
            CHECK(a.dropped());
            CHECK(b.dropped());
        }
    }
}
