// SPDX-License-Identifier: MIT
#include <weir/operators/transform_chunks.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/sliding.hpp>
#include <range/v3/view/transform.hpp>
#include <ranges>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::transform_chunks;
using weir::testing::virtual_executor;

namespace {

constexpr auto even = [](int x) { return x % 2 == 0; };
constexpr auto twice = [](int x) { return 2 * x; };
using chunks = std::vector<std::vector<int>>;

/// A source of chunks and the operator under test in one, from items to items.
template <class View>
auto in_chunks(View view) {
    return weir::chunk(2) | transform_chunks(view) | weir::map_concat(std::identity{});
}

} // namespace

TEST_SUITE("operators/transform_chunks") {
    TEST_CASE("transform_chunks passes each chunk through the views of either library, or a function") {
        virtual_executor ex;
        const auto run = [&](auto view) {
            return ex.run(weir::iota(1, 8) | weir::chunk(3) | transform_chunks(view) | weir::to<std::vector>());
        };
        CHECK(run(std::views::filter(even) | std::views::transform(twice)) == chunks{{4}, {8, 12}});
        CHECK(run(ranges::views::filter(even) | ranges::views::transform(twice)) == chunks{{4}, {8, 12}});
        const auto sum = [](auto pair) { return ranges::accumulate(pair, 0); };
        CHECK(run(ranges::views::sliding(2) | ranges::views::transform(sum)) == chunks{{3, 5}, {9, 11}});
        CHECK(run([](std::vector<int>& chunk) { return std::vector(chunk.rbegin(), chunk.rend()); }) ==
              chunks{{3, 2, 1}, {6, 5, 4}, {7}});
        CHECK(run([](std::vector<int>& chunk) -> std::vector<int>& { return chunk; }) ==
              chunks{{1, 2, 3}, {4, 5, 6}, {7}});
    }

    TEST_CASE("transform_chunks: an exception from the view is the stream's, after the chunks before") {
        weir::testing::marbles m;
        const auto not_b = [](char c) {
            if (c == 'b') throw std::runtime_error{"b"};
            return c;
        };
        CHECK(m.play(m.hot("-a-c-b-d-|") | in_chunks(std::views::transform(not_b))) == "---[ac]---#");
        CHECK(m.play(m.hot("-a-c-#") | in_chunks(std::views::transform(not_b))) == "---[ac]-#");
    }

    TEST_CASE("transform_chunks: elements that cannot be copied are moved by a view that does so") {
        virtual_executor ex;
        const auto pointers = weir::map([](int x) { return std::make_unique<int>(x); });
        const auto moves = std::views::transform([](std::unique_ptr<int>& p) { return std::move(p); });
        const auto made =
            ex.run(weir::iota(0, 4) | pointers | weir::chunk(4) | transform_chunks(moves) | weir::to<std::vector>());
        REQUIRE(made.size() == 1);
        CHECK(*made[0][3] == 3);
    }

    TEST_CASE("transform_chunks keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] {
                  return weir::map([](int x) { return std::vector{x, x + 1}; }) |
                         transform_chunks(std::views::filter(even));
              }) == "");
    }

    TEST_CASE("transform_chunks allocates once for a chunk whose size is known") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::chunk(10) | transform_chunks(std::views::transform(twice)) |
                         weir::drain());
              }) == 2 * 2000 / 10); // one for the chunk itself
    }
}
