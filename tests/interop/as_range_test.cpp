// SPDX-License-Identifier: MIT
#include <weir/interop/as_range.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::as_range;
using weir::testing::virtual_executor;

namespace {

weir::async_stream<int> slow_numbers(int n) {
    for (int i = 0; i != n; ++i) {
        co_await weir::sleep_for(1s);
        co_yield i;
    }
}

using range = weir::blocking_range<weir::async_stream<int>>;
static_assert(std::ranges::input_range<range>);
static_assert(std::ranges::view<range>);
static_assert(ranges::input_range<range>);
static_assert(ranges::view_<range>);

} // namespace

TEST_SUITE("interop/as_range") {
    TEST_CASE("as_range: a loop receives the items, and virtual time passes when it asks for them") {
        virtual_executor ex;
        std::vector<int> items;
        for (const int x : as_range(ex, slow_numbers(3))) {
            items.push_back(x);
            CHECK(ex.elapsed() == 1s * items.size());
        }
        CHECK(items == std::vector{0, 1, 2});
        for (const int x : weir::iota(5, 7) | as_range(ex)) items.push_back(x);
        CHECK(items == std::vector{0, 1, 2, 5, 6});
        for (const int x : as_range(ex, weir::empty<int>())) FAIL(x);
    }

    TEST_CASE("as_range pulls nothing ahead, and destroys the stream at its end or with the range") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        source.push(1);
        source.push(2);
        source.push(3);
        {
            auto items = as_range(ex, source.stream());
            CHECK(source.polls() == 0);
            auto it = items.begin();
            CHECK(*it == 1);
            CHECK(*items.begin() == 1); // it is where it is
            CHECK(source.taken() == 1);
            ++it;
            CHECK(*it == 2);
            CHECK(source.taken() == 2);
            const auto copy = items;
        }
        CHECK(source.dropped());
        weir::testing::probe<int> ends;
        ends.end();
        auto none = as_range(ex, ends.stream());
        CHECK(none.begin() == none.end());
        CHECK(ends.dropped());
    }

    TEST_CASE("as_range works in pipelines of std::ranges and of range-v3") {
        virtual_executor ex;
        std::vector<int> items;
        const auto twice = [](int x) { return 2 * x; };
        for (const int x : as_range(ex, weir::iota(0)) | std::views::transform(twice) | std::views::take(3)) {
            items.push_back(x);
        }
        CHECK(items == std::vector{0, 2, 4});
        CHECK((as_range(ex, weir::iota(0, 10)) | ranges::views::filter([](int x) { return x % 3 == 0; }) |
               ranges::to<std::vector>()) == std::vector{0, 3, 6, 9});
        auto numbers = weir::iota(0) | as_range(ex);
        CHECK((numbers | ranges::views::take(2) | ranges::to<std::vector>()) == std::vector{0, 1});
    }

    TEST_CASE("as_range accepts move-only items") {
        virtual_executor ex;
        auto pointers = weir::iota(0, 3) | weir::map([](int x) { return std::make_unique<int>(x); });
        int sum = 0;
        for (auto& p : as_range(ex, std::move(pointers))) {
            const std::unique_ptr<int> mine = std::move(p);
            sum += *mine;
        }
        CHECK(sum == 3);
    }

    TEST_CASE("as_range throws an error where the item was asked for, and has then ended") {
        virtual_executor ex;
        auto generator = []() -> weir::async_stream<int> {
            co_yield 1;
            throw std::runtime_error{"broken"};
        };
        auto items = as_range(ex, generator());
        auto it = items.begin();
        CHECK(*it == 1);
        CHECK_THROWS_WITH(++it, "broken");
        CHECK(it == items.end());
        weir::testing::probe<int> source;
        source.fail(std::make_exception_ptr(std::runtime_error{"broken"}));
        auto fails = as_range(ex, source.stream());
        CHECK_THROWS_WITH(static_cast<void>(fails.begin()), "broken");
        CHECK(source.dropped());
    }

    TEST_CASE("as_range rejects the use inside a running executor") {
        virtual_executor ex;
        weir::executor other;
        auto nested = [&](weir::executor& on) -> weir::task<> {
            for (const int x : as_range(on, weir::iota(0, 3))) FAIL(x);
            co_return;
        };
        constexpr auto message = "weir::run: an executor is already running on this thread; co_await the operation or "
                                 "spawn it there instead";
        CHECK_THROWS_WITH_AS(ex.run(nested(ex)), message, std::logic_error);
        CHECK_THROWS_WITH_AS(ex.run(nested(other)), message, std::logic_error);
    }
}
