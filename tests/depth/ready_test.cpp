// SPDX-License-Identifier: MIT
// Ready work must not grow the stack, whatever the compiler makes of tail calls: run at -O0 and under sanitizers too.

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

#include <sanitized.hpp>
#include <weir/async_stream.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

constexpr int many = support::sanitized ? 500'000 : 10'000'000;

/// How far the stack has ever been from where the test began.
class depth {
public:
    void note() noexcept {
        const auto distance = start_ - reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
        if (distance > deepest_) deepest_ = distance;
    }
    std::intptr_t deepest() const noexcept { return deepest_; }

private:
    std::intptr_t start_ = reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
    std::intptr_t deepest_ = 0;
};

weir::task<int> ready(int x, depth& d) {
    d.note();
    co_return x;
}

weir::async_stream<int> plus_one(weir::async_stream<int> upstream) {
    while (auto item = co_await weir::next(upstream)) co_yield *item + 1;
}

} // namespace

TEST_SUITE("depth/ready") {
    TEST_CASE("ready items pass fifty stages without growing the stack") {
        weir::testing::virtual_executor ex;
        depth first;
        depth rest;
        weir::async_stream<int> pipeline = weir::iota(0, many);
        for (int stage = 0; stage != 50; ++stage) {
            pipeline = std::move(pipeline) | weir::map([](int x) { return x + 1; });
        }
        std::int64_t sum = 0;
        int count = 0;
        ex.run(std::move(pipeline) | weir::for_each([&](int x) {
                   (count++ < 1000 ? first : rest).note();
                   sum += x;
               }));
        CHECK(count == many);
        CHECK(sum == std::int64_t{many} * (many - 1) / 2 + std::int64_t{50} * many);
        CHECK(rest.deepest() - first.deepest() < 64 * 1024);
    }

    TEST_CASE("ready tasks are awaited without growing the stack") {
        weir::testing::virtual_executor ex;
        depth first;
        depth rest;
        auto loop = [&]() -> weir::task<std::int64_t> {
            std::int64_t sum = 0;
            for (int i = 0; i != many; ++i) {
                depth& where = i < 1000 ? first : rest;
                sum += co_await ready(i, where);
            }
            co_return sum;
        };
        CHECK(ex.run(loop()) == std::int64_t{many} * (many - 1) / 2);
        CHECK(rest.deepest() - first.deepest() < 64 * 1024);
    }

    TEST_CASE("items that are always ready pass fifty coroutine stages without growing the stack") {
        weir::testing::virtual_executor ex;
        weir::async_stream<int> pipeline = weir::iota(0, many / 50);
        for (int stage = 0; stage != 50; ++stage) pipeline = plus_one(std::move(pipeline));
        depth first;
        depth rest;
        int count = 0;
        ex.run(std::move(pipeline) | weir::for_each([&](int) { (count++ < 1000 ? first : rest).note(); }));
        CHECK(count == many / 50);
        CHECK(rest.deepest() - first.deepest() < 64 * 1024);
    }

    TEST_CASE("rejected items do not grow the stack") {
        weir::testing::virtual_executor ex;
        int kept = 0;
        ex.run(weir::iota(0, many) | weir::filter([](int x) { return x == many - 1; }) |
               weir::for_each([&](int) { ++kept; }));
        CHECK(kept == 1);
    }
}
