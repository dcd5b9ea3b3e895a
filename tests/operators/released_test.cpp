// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/observe/log.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/buffer_weighted.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/concurrently.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/distinct.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/extrapolate.hpp>
#include <weir/operators/fail_after.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/flat_map_ordered.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/interleave.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_sorted.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/race.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/split_when.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_for.hpp>
#include <weir/operators/take_through.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/timeout_total.hpp>
#include <weir/operators/transform_chunks.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_latest.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/scope/as_outcome.hpp>
#include <weir/sink/any_of.hpp>
#include <weir/sink/contains.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/for_each_concurrent.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/sink/min.hpp>
#include <weir/sink/minmax.hpp>
#include <weir/sink/reduce.hpp>
#include <weir/sink/single.hpp>
#include <weir/source/just.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::probe;
using weir::testing::virtual_executor;

namespace {

/// Awaits a pipeline that is kept, and says how it ended and what of it is left in that moment.
template <class Pipeline>
weir::task<std::string> end_of(Pipeline& pipeline, virtual_executor& ex, const probe<int>& a, const probe<int>& b) {
    std::string seen = "ended";
    try {
        co_await pipeline;
    } catch (const std::runtime_error& e) {
        seen = e.what();
    }
    if (!a.dropped()) seen += "; upstream is there";
    if (!b.dropped()) seen += "; its sibling is there";
    if (ex.stats().timers_armed != 0) seen += "; a timer is armed";
    co_return seen;
}

/// With an upstream that has given 1, 2 and 3 and not ended.
template <class Operator>
std::string end_of(Operator op) {
    virtual_executor ex;
    probe<int> source;
    for (int i = 1; i != 4; ++i) source.push(i);
    auto pipeline = source.stream() | std::move(op);
    return ex.run(end_of(pipeline, ex, source, source));
}

/// The same, with a sibling that never gives anything.
template <class Join>
std::string end_of_both(Join join) {
    virtual_executor ex;
    probe<int> source;
    probe<int> sibling;
    for (int i = 1; i != 4; ++i) source.push(i);
    auto pipeline = join(source.stream(), sibling.stream());
    return ex.run(end_of(pipeline, ex, source, sibling));
}

int not_two(int x) {
    if (x == 2) throw std::runtime_error{"two"};
    return x;
}
bool holds(int x) { return not_two(x) != 0; }
weir::task<int> later(int x) {
    co_await weir::sleep_for(1ms);
    co_return not_two(x);
}

} // namespace

TEST_SUITE("operators/released") {
    TEST_CASE("an operator whose callable throws destroys upstream before the consumer sees the error") {
        CHECK(end_of(weir::map(not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::filter(holds) | weir::drain()) == "two");
        CHECK(end_of(weir::filter_map([](int x) { return std::optional{not_two(x)}; }) | weir::drain()) == "two");
        CHECK(end_of(weir::inspect(not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::on_demand([n = 0]() mutable { return not_two(++n); }) | weir::drain()) == "two");
        CHECK(end_of(weir::log("n", [n = 0](std::string_view) mutable { not_two(++n); }) | weir::drain()) == "two");
        CHECK(end_of(weir::map_async(2, [](int x) { return weir::as_outcome(later(x)); }) |
                     weir::skip_errors([](std::exception_ptr) { return not_two(2) == 0; }) | weir::drain()) == "two");
        CHECK(end_of(weir::scan(0, [](int, int x) { return not_two(x); }) | weir::drain()) == "two");
        CHECK(end_of(weir::take_while(holds) | weir::drain()) == "two");
        CHECK(end_of(weir::take_through(holds) | weir::drain()) == "two");
        CHECK(end_of(weir::skip_while(holds) | weir::drain()) == "two");
        CHECK(end_of(weir::handle<int>([](int x, const auto& emit) { emit(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::filter_async(2, later) | weir::drain()) == "two");
        CHECK(end_of(weir::distinct(9, not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::window(9, [](auto items) { return std::move(items) | weir::for_each(not_two); }) |
                     weir::drain()) == "two");
        CHECK(end_of(weir::chunk_by(not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::event_windows(weir::session_windows{1s}, {},
                                         [](int x) { return std::chrono::sys_seconds{not_two(x) * 1s}; }) |
                     weir::drain()) == "two");
        CHECK(end_of(weir::keep_alive(1ms, [] { return not_two(2); }) | weir::drain()) == "two");
        CHECK(end_of(weir::conflate_with([](int x, int) { return not_two(x); }) | weir::map_async(1, later) |
                     weir::drain()) == "two");
        CHECK(end_of(weir::latest_per_key(9, not_two) | weir::map_async(1, later) | weir::drain()) == "two");
        CHECK(end_of(weir::also_to(weir::for_each(not_two)) | weir::drain()) == "two");
        CHECK(end_of(weir::broadcast_through(weir::map(not_two)) | weir::drain()) == "two");
        CHECK(end_of(weir::expand(2, [](int x) { return weir::just(not_two(x + 1)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::extrapolate([](int) { return not_two(2); }) | weir::drain()) == "two");
        CHECK(end_of(weir::split_when(holds) | weir::drain()) == "two");
        CHECK(end_of(weir::distinct_until_changed(not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::map_concat([](int x) { return std::vector{not_two(x)}; }) | weir::drain()) == "two");
        CHECK(end_of(weir::chunk(1) | weir::transform_chunks(std::views::transform(not_two)) | weir::drain()) == "two");
        CHECK(end_of(weir::concat_map([](int x) { return weir::just(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::switch_map([](int x) { return weir::just(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::exhaust_map([](int x) { return weir::just(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::flat_map(2, [](int x) { return weir::just(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::flat_map_ordered(2, [](int x) { return weir::just(not_two(x)); }) | weir::drain()) == "two");
        CHECK(end_of(weir::divert_to(weir::for_each(not_two), [](int) { return true; }) | weir::drain()) == "two");
        CHECK(end_of(weir::divert_to(weir::drain(), [](int x) { return not_two(x) < 0; }) | weir::drain()) == "two");
        CHECK(end_of(weir::chunk_weighted(9, not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::buffer_weighted(9, not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::concurrently(later(2)) | weir::drain()) == "two");
        CHECK(end_of(weir::map_async(2, later) | weir::drain()) == "two");
        CHECK(end_of(weir::delay([](int x) { return not_two(x) * 0ms; }) | weir::drain()) == "two");
        CHECK(end_of(weir::debounce([](int x) { return not_two(x) * 1ms; }) | weir::drain()) == "two");
        CHECK(end_of(weir::map_async_unordered(2, later) | weir::drain()) == "two");
        CHECK(end_of(weir::map_async_keyed(2, [](int x) { return x; }, later) | weir::drain()) == "two");
        CHECK(end_of(weir::map_async_keyed(2, not_two, [](int x) { return later(x + 2); }) | weir::drain()) == "two");
        CHECK(end_of(weir::pace(weir::rate{1000}, 8, not_two) | weir::drain()) == "two");
        CHECK(end_of(weir::window([](int x) { return not_two(x) * 0ms; },
                                  [](auto items) { return std::move(items) | weir::drain(); }) |
                     weir::drain()) == "two");
    }

    TEST_CASE("a sink whose callable or task throws destroys upstream before the consumer sees the error") {
        CHECK(end_of(weir::for_each(not_two)) == "two");
        CHECK(end_of(weir::for_each(later)) == "two");
        CHECK(end_of(weir::for_each_group(not_two, [](int, auto items) { return std::move(items) | weir::drain(); })) ==
              "two");
        CHECK(end_of(weir::for_each_group([](int x) { return x; }, [](int x, auto) { return later(x); })) == "two");
        CHECK(end_of(weir::fold(0, [](int, int x) { return not_two(x); })) == "two");
        CHECK(end_of(weir::reduce([](int, int x) { return not_two(x); })) == "two");
        CHECK(end_of(weir::any_of([](int x) { return not_two(x) == 9; })) == "two");
        CHECK(end_of(weir::min([](int x, int) { return not_two(x) == 9; })) == "two");
        CHECK(end_of(weir::minmax([](int x, int) { return not_two(x) == 9; })) == "two");
        CHECK(end_of(weir::for_each_concurrent(2, later)) == "two");
        CHECK(end_of(weir::single()) == "weir::single: the stream has more than one item");
    }

    TEST_CASE("an operator that cuts a stream short destroys upstream before the consumer sees the end") {
        CHECK(end_of(weir::take(2) | weir::drain()) == "ended");
        CHECK(end_of(weir::take_while([](int x) { return x < 2; }) | weir::drain()) == "ended");
        CHECK(end_of(weir::take_through([](int x) { return x < 2; }) | weir::drain()) == "ended");
        CHECK(end_of(weir::first()) == "ended");
        CHECK(end_of(weir::contains(2)) == "ended");
        CHECK(end_of(weir::fail_after(2) | weir::drain()) == "weir::fail_after: more than 2 items");
        CHECK(end_of(weir::take_for(1ms) | weir::drain()) == "ended");
        CHECK(end_of(weir::timeout_total(1ms) | weir::drain()).find(";") == std::string::npos);
        CHECK(end_of(weir::any_of([](int x) { return x == 2; })) == "ended");
        CHECK(end_of(weir::take_until(weir::sleep_for(1ms)) | weir::drain()) == "ended");
        CHECK(end_of(weir::timeout(1ms) | weir::drain()).find(";") == std::string::npos);
        CHECK(end_of(weir::consumer_timeout(1ms) | weir::concurrently(weir::sleep_for(1s)) | weir::take(1) |
                     weir::drain()) == "ended");
        CHECK(end_of(weir::debounce(1ms) | weir::take(1) | weir::drain()) == "ended");
    }

    TEST_CASE("operators destroy siblings, signals and inner operations before the consumer sees the end") {
        using weir::drain;
        using weir::map;
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::merge(std::move(a) | map(not_two), std::move(b) | map(not_two)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::zip(std::move(a) | weir::filter([](int x) { return not_two(x) > 9; }), std::move(b)) |
                         drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::zip_longest(std::move(a) | weir::filter([](int x) { return not_two(x) > 9; }),
                                           std::move(b)) |
                         drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::combine_latest(std::move(a) | weir::filter([](int x) { return not_two(x) > 9; }),
                                              std::move(b)) |
                         drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::zip_latest(std::move(a) | map(not_two), std::move(b)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::race(std::move(b) | map(not_two), std::move(a) | map(not_two)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::merge_sorted(std::move(b) | map(not_two),
                                            std::move(a) | weir::filter([](int x) { return not_two(x) > 9; })) |
                         drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::concat(std::move(a) | map(not_two), std::move(b) | map(not_two)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::interleave(4, std::move(a) | map(not_two), std::move(b) | map(not_two)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return std::move(a) | map(not_two) | weir::with_latest_from(std::move(b)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return std::move(b) | weir::with_latest_from(std::move(a) | map(not_two)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return std::move(a) | map(not_two) | weir::take_until(std::move(b)) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return std::move(a) | weir::take_until(std::move(b)) | map(not_two) | drain();
              }) == "two");
        CHECK(end_of_both([](auto a, auto b) {
                  return weir::merge(weir::once(std::move(a) | weir::for_each(not_two)) |
                                         map([](weir::unit) { return 0; }),
                                     std::move(b)) |
                         drain();
              }) == "two");
    }
}
