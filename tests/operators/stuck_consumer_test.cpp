// SPDX-License-Identifier: MIT
// How many items an operator holds when its consumer takes one and no other, and its source is always ready.

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/buffer_weighted.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/extrapolate.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/flat_map_ordered.hpp>
#include <weir/operators/interleave.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_prioritized.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/skip_last.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/valve.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_latest.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/last.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/sync/state.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::overflow;

namespace {

/// The items are counted by their references to one number.
using item = std::shared_ptr<int>;

/// 5000 items without a pause, and no end.
weir::async_stream<item> fast(item one) {
    for (int i = 0; i != 5000; ++i) co_yield one;
    co_await weir::sleep_for(1000h);
}

template <class S>
weir::task<> take_one_and_stop(S stream) {
    { const auto first = co_await weir::next(stream); }
    co_await weir::sleep_for(1000h);
}

/// The number of items that are held between sources and consumer. make is given an item, and returns the pipeline.
template <class Make>
long held_in(Make make) {
    weir::testing::virtual_executor ex;
    auto one = std::make_shared<int>();
    const auto running = ex.spawn(take_one_and_stop(make(one)));
    ex.advance(5s);
    return one.use_count() - 1;
}
/// The same for an operator over one source, which itself holds an item.
template <class Operator>
long held_by(Operator op) {
    const auto whole = [&](const item& one) { return fast(one) | std::move(op); };
    return held_in(whole) - 1;
}

auto hold_on(item one) -> weir::async_stream<item> {
    co_yield one;
    co_await weir::sleep_for(1000h);
}

} // namespace

TEST_SUITE("operators/stuck_consumer") {
    TEST_CASE("an operator that asks when it is asked holds what its documentation says for a stuck consumer") {
        const auto key = [n = 0](const item&) mutable { return n++ / 3; };
        const auto weight = [](const item&) { return std::size_t{1}; };
        CHECK(held_by(weir::map([](item i) { return i; })) == 0);
        CHECK(held_by(weir::filter([](const item&) { return true; })) == 0);
        CHECK(held_by(weir::chunk(3)) == 0);
        CHECK(held_by(weir::chunk_by(key)) == 1);
        CHECK(held_by(weir::chunk_weighted(3, weight)) == 0);
        CHECK(held_by(weir::sliding(3)) == 2);
        CHECK(held_by(weir::pairwise()) == 1);
        CHECK(held_by(weir::skip_last(3)) == 3);
        CHECK(held_by(weir::distinct_until_changed([n = 0](const item&) mutable { return n++; })) == 0);
        CHECK(held_by(weir::valve(weir::state{true})) == 0);
        CHECK(held_by(weir::timeout(1h)) == 0);
        CHECK(held_by(weir::concat_map([](item i) { return weir::just(i, i, i); })) == 2);
        CHECK(held_by(weir::pace(weir::rate{1, 1ms})) == 0);
        CHECK(held_by(weir::also_to(weir::drain())) == 0);
        CHECK(held_by(weir::window(3, [](auto items) { return std::move(items) | weir::last(); })) == 0);
    }

    TEST_CASE("an operator that runs ahead holds no more than its documentation says for a stuck consumer") {
        const auto key = [n = 0](const item&) mutable { return n++ % 3; };
        const auto weight = [](const item&) { return std::size_t{1}; };
        const auto later = [](item i) -> weir::task<item> {
            co_await weir::sleep_for(1ms);
            co_return i;
        };
        CHECK(held_by(weir::buffer(4)) == 3); // one was taken; it fills again when half of it is free
        CHECK(held_by(weir::buffer(4, overflow::drop_oldest)) == 4);
        CHECK(held_by(weir::buffer(4, overflow::drop_newest)) == 4);
        CHECK(held_by(weir::buffer_weighted(4, weight)) == 3);
        CHECK(held_by(weir::conflate_with([](item, item newer) { return newer; })) == 1);
        CHECK(held_by(weir::batch_while_busy(4)) == 4);
        CHECK(held_by(weir::latest_per_key(9, key)) == 3);
        CHECK(held_by(weir::latest_per_key_frames(9, key)) == 3);
        CHECK(held_by(weir::latest_per_key(2, key)) == 2);
        CHECK(held_by(weir::expire(1h, 4)) == 3);
        CHECK(held_by(weir::delay(1ms, 4)) == 4);
        CHECK(held_by(weir::delay([](const item&) { return 1ms; }, 4)) == 4);
        CHECK(held_by(weir::debounce(1ms)) <= 1);
        CHECK(held_by(weir::throttle(1ms)) <= 1);
        CHECK(held_by(weir::sample(1ms)) <= 1);
        CHECK(held_by(weir::chunk(3, 1ms)) <= 3);
        CHECK(held_by(weir::extrapolate([](const item& i) { return i; })) <= 1);
        CHECK(held_by(weir::keep_alive(1ms, [] { return item{}; })) <= 1);
        CHECK(held_by(weir::map_async(4, later)) == 4);
        CHECK(held_by(weir::map_async_unordered(4, later)) == 4);
        CHECK(held_by(weir::map_async_keyed(4, key, later)) == 4);
        CHECK(held_by(weir::flat_map(4, hold_on)) <= 2 * 4);
        CHECK(held_by(weir::flat_map_ordered(4, hold_on)) <= 3 * 4);
        CHECK(held_by(weir::switch_map(hold_on)) <= 3);
        CHECK(held_by(weir::exhaust_map(hold_on)) <= 3);
        CHECK(held_by(weir::wire_tap(weir::for_each([](item) { return weir::sleep_for(1h); }), {.capacity = 4})) <= 4);
        const auto same = [] { return weir::map([](item i) { return i; }); };
        CHECK(held_by(weir::broadcast_through({.capacity = 4}, same(), same())) <= 2 * (4 + 1));
        const auto always_one = [](const item&) { return weir::time_point{}; };
        // An error that names the limit comes in place of more items.
        CHECK(held_by(weir::event_windows(weir::tumbling_windows{1s}, {.max_items = 4}, always_one)) <= 4);
    }

    TEST_CASE("an operator over several streams holds no more than its documentation says for a stuck consumer") {
        // Each source holds an item, too.
        CHECK(held_in([](const item& i) { return weir::merge(fast(i), fast(i), fast(i)); }) - 3 <= 3);
        CHECK(held_in([](const item& i) { return weir::merge_prioritized({2, 1}, fast(i), fast(i)); }) - 2 <= 2);
        CHECK(held_in([](const item& i) { return weir::interleave(2, fast(i), fast(i)); }) - 2 <= 2);
        CHECK(held_in([](const item& i) { return weir::zip(fast(i), fast(i)); }) - 2 <= 2);
        CHECK(held_in([](const item& i) { return weir::zip(fast(i), weir::never<item>()); }) - 1 == 1);
        CHECK(held_in([](const item& i) { return weir::zip_longest(fast(i), fast(i)); }) - 2 <= 2);
        CHECK(held_in([](const item& i) { return weir::zip_latest(fast(i), fast(i)); }) - 2 == 2);
        CHECK(held_in([](const item& i) { return weir::zip_latest(fast(i), weir::never<item>()); }) - 1 == 1);
        CHECK(held_in([](const item& i) { return weir::combine_latest(fast(i), fast(i)); }) - 2 <= 2 * 2);
        CHECK(held_in([](const item& i) { return weir::combine_latest(fast(i), weir::never<item>()); }) - 1 == 1);
        CHECK(held_in([](const item& i) { return fast(i) | weir::with_latest_from(fast(i)); }) - 2 <= 1);
    }

    TEST_CASE("a consumer that is stuck stops what shares its source, up to the number of items that may be held") {
        const auto shared = [](const item& i) {
            auto all = fast(i) | weir::share({.capacity = 4});
            return weir::merge(all.subscribe(), all.subscribe());
        };
        CHECK(held_in(shared) - 1 <= 2 * 4 + 2);
        const auto divided = [](const item& i) {
            auto [left, right] =
                fast(i) | weir::partition([n = 0](const item&) mutable { return ++n % 2 == 0; }, {.capacity = 4});
            return weir::merge(std::move(left), std::move(right));
        };
        CHECK(held_in(divided) - 1 <= 2 * 4 + 2);
    }
}
