// SPDX-License-Identifier: MIT
// Operators that poll their upstream in place may be gone when it answers: dropped by what they polled. Then they touch
// nothing of themselves.

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <ranges>
#include <vector>

#include <self_drop.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/balance.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/buffer_weighted.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concurrently.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/delay_start.hpp>
#include <weir/operators/distinct.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/elapsed.hpp>
#include <weir/operators/end_with.hpp>
#include <weir/operators/enumerate.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/extrapolate.hpp>
#include <weir/operators/fail_after.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/hold.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/intersperse.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/kill_switch.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/materialize.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_prioritized.hpp>
#include <weir/operators/on_error_complete.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/or_else.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/prefix_and_tail.hpp>
#include <weir/operators/replay.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/sessions.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/skip_last.hpp>
#include <weir/operators/skip_until.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/operators/split_when.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/switch_on_first.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_for.hpp>
#include <weir/operators/take_last.hpp>
#include <weir/operators/take_through.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/timeout_first.hpp>
#include <weir/operators/transform_chunks.hpp>
#include <weir/operators/valve.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/resilience/restart.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/none_of.hpp>
#include <weir/source/defer.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/source/once.hpp>
#include <weir/source/repeat.hpp>
#include <weir/source/repeat_when.hpp>
#include <weir/sync/state.hpp>
#include <weir/task.hpp>

using namespace std::chrono_literals;
using support::drop_from_within;

TEST_SUITE("operators/dropped_from_within") {
    TEST_CASE("an operator may be dropped by the upstream that it polls") {
        drop_from_within([](auto s) { return std::move(s) | weir::map([](int x) { return x; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::filter([](int) { return true; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::filter([](int) { return false; }); });
        drop_from_within(
            [](auto s) { return std::move(s) | weir::filter_map([](int x) { return std::optional{x}; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::map_concat([](int x) { return std::array{x}; }); });
        drop_from_within([](auto s) {
            return std::move(s) | weir::chunk(1) | weir::transform_chunks(std::views::take(1)) |
                   weir::map([](std::vector<int> x) { return x.front(); });
        });
        drop_from_within([](auto s) { return std::move(s) | weir::scan(0, std::plus{}); });
        drop_from_within([](auto s) { return std::move(s) | weir::enumerate(); });
        drop_from_within([](auto s) { return std::move(s) | weir::pairwise(); });
        drop_from_within([](auto s) { return std::move(s) | weir::inspect([](int) {}); });
        drop_from_within([](auto s) { return std::move(s) | weir::meter("stage"); });
        drop_from_within([](auto s) { return std::move(s) | weir::take(5); });
        drop_from_within([](auto s) { return std::move(s) | weir::take_while([](int) { return true; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip(0); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip(5); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip_while([](int) { return true; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip_while([](int) { return false; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::distinct_until_changed(); });
        drop_from_within([](auto s) { return std::move(s) | weir::take_through([](int) { return true; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::take_last(2); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip_last(1); });
        drop_from_within([](auto s) { return std::move(s) | weir::distinct(9); });
        drop_from_within([](auto s) { return (std::move(s) | weir::share()).subscribe(); });
        drop_from_within([](auto s) { return (std::move(s) | weir::replay(2)).subscribe(); });
        drop_from_within([](auto s) { return std::move(s) | weir::sessions(1s, 2); });
        drop_from_within([](auto s) {
            return std::move(s) | weir::window(2, [](auto items) { return std::move(items) | weir::count(); }) |
                   weir::map([](std::size_t n) { return static_cast<int>(n); });
        });
        drop_from_within([](auto s) { return std::move(s) | weir::keep_alive(1s, [] { return 0; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::valve(weir::state{true}); });
        drop_from_within([](auto s) { return std::move(s) | weir::kill_switch(weir::state{weir::kill::none}); });
        drop_from_within([](auto s) { return std::move(s) | weir::materialize(); });
        drop_from_within([](auto s) { return std::move(s) | weir::prefix_and_tail(2); });
        drop_from_within(
            [](auto s) { return std::move(s) | weir::switch_on_first([](int, auto items) { return items; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::chunk_by([](int x) { return x; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::conflate_with([](int, int x) { return x; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::latest_per_key(2, [](int x) { return x; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::also_to(weir::drain()); });
        drop_from_within(
            [](auto s) { return std::move(s) | weir::divert_to(weir::drain(), [](int) { return false; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::chunk_weighted(2, [](int) { return 1; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::buffer_weighted(2, [](int) { return 1; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::consumer_timeout(1s); });
        drop_from_within([](auto s) { return std::move(s) | weir::expire(1s); });
        drop_from_within([](auto s) { return std::move(s) | weir::concurrently(weir::yield()); });
        drop_from_within([](auto s) { return std::move(s) | weir::wire_tap(weir::drain()); });
        drop_from_within([](auto s) { return (std::move(s) | weir::partition([](int) { return true; })).first; });
        drop_from_within([](auto s) { return weir::merge(std::move(s) | weir::balance(2)); });
        drop_from_within(
            [](auto s) { return std::move(s) | weir::broadcast_through(weir::map([](int x) { return x; })); });
        drop_from_within([](auto s) { return weir::merge_prioritized({1, 1}, std::move(s), weir::empty<int>()); });
        drop_from_within([](auto s) { return std::move(s) | weir::expand(2, [](int) { return weir::empty<int>(); }); });
        drop_from_within([](auto s) { return std::move(s) | weir::extrapolate([](int x) { return x; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::batch_while_busy(2); });
        drop_from_within([](auto s) { return std::move(s) | weir::hold(weir::state{0}); });
        drop_from_within([](auto s) { return std::move(s) | weir::split_when([](int) { return true; }); });
        drop_from_within([](auto s) { return std::move(s) | weir::sliding(2); });
        drop_from_within([](auto s) { return std::move(s) | weir::or_else(weir::empty<int>()); });
        drop_from_within([](auto s) { return std::move(s) | weir::start_with(7); });
        drop_from_within([](auto s) { return std::move(s) | weir::start_with(std::vector{7}); });
        drop_from_within([](auto s) { return std::move(s) | weir::end_with(7); });
        drop_from_within([](auto s) { return std::move(s) | weir::intersperse(7); });
        drop_from_within([](auto s) { return std::move(s) | weir::elapsed(); });
        drop_from_within([](auto s) { return std::move(s) | weir::fail_after(5); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip_until(weir::empty<int>()); });
        drop_from_within([](auto s) { return std::move(s) | weir::skip_until(weir::never<int>()); });
        drop_from_within([](auto s) { return std::move(s) | weir::delay_start(weir::yield()); });
        drop_from_within([](auto s) { return std::move(s) | weir::timeout_first(1s); });
        drop_from_within([](auto s) { return std::move(s) | weir::take_for(1s); });
        drop_from_within(
            [](auto s) { return std::move(s) | weir::handle<int>([](int x, const auto& emit) { emit(x); }); });
        drop_from_within([](auto s) {
            return std::move(s) | weir::filter_async(2, [](int) -> weir::task<bool> { co_return true; });
        });
        drop_from_within([](auto s) { return std::move(s) | weir::on_error_complete(); });
        drop_from_within([](auto s) {
            return std::move(s) | weir::on_error_resume([](std::exception_ptr) { return weir::empty<int>(); });
        });
        drop_from_within([](auto s) { return std::move(s) | weir::finally([] {}); });
    }

    TEST_CASE("an operator may be dropped by the stream of streams that it polls") {
        drop_from_within([](auto s) { return weir::empty<int>() | weir::or_else(std::move(s)); });
        drop_from_within([](auto s) { return weir::defer([s = std::move(s)]() mutable { return std::move(s); }); });
        drop_from_within([](auto s) { return weir::repeat([s = std::move(s)]() mutable { return std::move(s); }, 1); });
        drop_from_within([](auto s) {
            return weir::repeat_when([s = std::move(s)]() mutable { return std::move(s); },
                                     [] { return weir::iota(0, 1) | weir::none_of([](int) { return true; }); });
        });
        drop_from_within([](auto s) { return weir::restart([s = std::move(s)]() mutable { return std::move(s); }); });
        drop_from_within([](auto s) { return weir::concat(std::move(s), weir::just(1)); });
        drop_from_within([](auto s) { return weir::concat(weir::just(1), std::move(s)); });
        drop_from_within([](auto s) { return weir::concat(std::array{weir::async_stream<int>{std::move(s)}}); });
        drop_from_within([](auto s) { return weir::retry([s = std::move(s)]() mutable { return std::move(s); }); });
        drop_from_within([](auto s) {
            return weir::just(1) | weir::map([](int) -> int { throw 1; }) |
                   weir::on_error_resume([s = std::move(s)](std::exception_ptr) mutable { return std::move(s); });
        });
    }

    TEST_CASE("an operator may be dropped by the operation that it polls as a stream") {
        drop_from_within([](auto s) { return weir::once(std::move(s) | weir::drain()); });
        drop_from_within([](auto s) { return weir::once(std::move(s) | weir::for_each([](int) {})); });
    }
}
