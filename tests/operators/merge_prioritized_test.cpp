// SPDX-License-Identifier: MIT
#include <weir/operators/merge_prioritized.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::merge_prioritized;

namespace {

auto all_of(int x) {
    return weir::generate([x] { return x; });
}

} // namespace

TEST_SUITE("operators/merge_prioritized") {
    TEST_CASE("merge_prioritized emits items as they arrive, by weight when several have items") {
        marbles m;
        CHECK(m.play(merge_prioritized({3, 1}, m.hot("[1234567]---|"), m.hot("[abc]--d----|"))) ==
              "[12a345b67c]--d----|");
        CHECK(m.play(merge_prioritized({1, 9}, m.cold("a-c-|"), m.cold("-b-d-|"))) == "abcd-|");
        CHECK(m.play(merge_prioritized({1}, m.cold("|"))) == "|");
    }

    TEST_CASE("merge_prioritized gives streams that are always ready turns in proportion to their weights") {
        virtual_executor ex;
        const auto seen = ex.run(merge_prioritized({5, 2, 1}, all_of(0), all_of(1), all_of(2)) | weir::take(800) |
                                 weir::to<std::vector>());
        CHECK(std::count(seen.begin(), seen.end(), 0) == 500);
        CHECK(std::count(seen.begin(), seen.end(), 1) == 200);
        CHECK(std::count(seen.begin(), seen.end(), 2) == 100);
        CHECK(ex.run(merge_prioritized({1, 9}, all_of(0), weir::never<int>()) | weir::take(9) |
                     weir::to<std::vector>()) == numbers(9, 0));
    }

    TEST_CASE("merge_prioritized delivers the items held before an error, and drops all streams") {
        virtual_executor ex;
        probe<int> one;
        probe<int> two;
        one.push(1);
        two.fail(std::make_exception_ptr(std::runtime_error{"two"}));
        probe_sink sink{ex, merge_prioritized({1, 9}, one.stream(), two.stream())};
        ex.run_ready();
        CHECK(one.polls() == 0);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(sink.failed());
        CHECK(one.dropped());
        CHECK(two.dropped());
    }

    TEST_CASE("merge_prioritized holds one item of each stream for a busy consumer") {
        virtual_executor ex;
        probe<int> one;
        probe<int> two;
        for (int i = 0; i != 9; ++i) one.push(i);
        for (int i = 0; i != 9; ++i) two.push(i);
        std::vector<decltype(one.stream())> streams;
        streams.push_back(one.stream());
        streams.push_back(two.stream());
        probe_sink sink{ex, merge_prioritized({1, 1}, std::move(streams))};
        sink.request(1);
        ex.run_ready();
        CHECK(one.taken() + two.taken() == 2);
        sink.drop();
        CHECK(one.dropped());
        CHECK(two.dropped());
    }

    TEST_CASE("merge_prioritized passes each item once, in the order of its stream, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto with_others =
                weir::closure{[](auto s) { return merge_prioritized({2, 3}, std::move(s), weir::iota(100, 105)); }};
            auto seen = support::arrive_at_random(random, items, with_others);
            CHECK(seen.size() == items.size() + 5);
            std::erase_if(seen, [](int x) { return x >= 100; });
            CHECK(seen == items);
        }
    }

    TEST_CASE("merge_prioritized allocates nothing per item, and accepts move-only items and streams of two types") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(merge_prioritized({2, 1}, weir::iota(0, n), all_of(1)) | weir::take(n) | weir::drain());
              }) == 0);
        virtual_executor ex;
        const auto owned = [](int i) { return std::make_unique<int>(i); };
        CHECK(ex.run(merge_prioritized({2, 1}, weir::iota(0, 3) | weir::map(owned), weir::just(owned(7))) |
                     weir::to<std::vector>())
                  .size() == 4);
    }

    TEST_CASE("merge_prioritized rejects weights that are not positive, or not one for each stream") {
        CHECK_THROWS_WITH_AS(merge_prioritized({1, 0}, all_of(1), all_of(1)),
                             "weir::merge_prioritized(weights, streams...): a weight must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(merge_prioritized({1}, all_of(1), all_of(1)),
                             "weir::merge_prioritized(weights, streams...): there must be one weight for each stream",
                             std::invalid_argument);
    }

    TEST_CASE("merge_prioritized keeps the contract of a stream") {
        const auto alone = weir::closure{
            [](auto s) { return merge_prioritized({1, 2}, std::move(s), weir::empty<weir::item_t<decltype(s)>>()); }};
        CHECK(check_contract([&] { return alone; }) == "");
    }
}
