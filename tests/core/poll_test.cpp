// SPDX-License-Identifier: MIT
#include <weir/core/poll.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using weir::poll;

static_assert(std::is_trivially_copyable_v<poll<int>>);
static_assert(std::is_trivially_copyable_v<poll<std::int64_t>> && sizeof(poll<std::int64_t>) == 16);
static_assert(!std::is_copy_constructible_v<poll<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<poll<std::string>>);

TEST_SUITE("core/poll") {
    TEST_CASE("a poll holds an item, the end, or neither") {
        poll<int> item{7};
        CHECK(item.is_item());
        CHECK(*item == 7);
        CHECK(poll<int>{weir::pending}.is_pending());
        CHECK(poll<int>{weir::done}.is_done());
        CHECK_FALSE(poll<int>{weir::done}.is_item());
    }

    TEST_CASE("a poll owns its item and moves it out") {
        auto shared = std::make_shared<int>(1);
        {
            poll<std::shared_ptr<int>> first{shared};
            poll<std::shared_ptr<int>> second{std::move(first)};
            CHECK(shared.use_count() == 2);
            first = std::move(second);
            CHECK(shared.use_count() == 2);
            second = poll<std::shared_ptr<int>>{weir::done};
            CHECK(second.is_done());
            const std::shared_ptr<int> taken = *std::move(first);
            CHECK(shared.use_count() == 2);
        }
        CHECK(shared.use_count() == 1);
    }

    TEST_CASE("poll: transform applies to the item only") {
        const auto text = [](int x) { return std::to_string(x); };
        CHECK(*poll<int>{42}.transform(text) == "42");
        CHECK(poll<int>{weir::done}.transform(text).is_done());
        CHECK(poll<int>{weir::pending}.transform(text).is_pending());
    }
}
