// SPDX-License-Identifier: MIT
// Operators and sinks that always find an item: sooner or later others get their turn, a cancellation among them.

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/observe/log.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/balance.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/broadcast_through.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/expand.hpp>
#include <weir/operators/extrapolate.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/handle.hpp>
#include <weir/operators/interleave.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_prioritized.hpp>
#include <weir/operators/merge_sorted.hpp>
#include <weir/operators/on_demand.hpp>
#include <weir/operators/partition.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/sessions.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/skip_errors.hpp>
#include <weir/operators/skip_until.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/operators/split_when.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/stream_map.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/valve.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/operators/zip.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/scope/as_outcome.hpp>
#include <weir/scope/outcome.hpp>
#include <weir/sink/contains.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/last.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/sync/state.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

/// How many items are pulled from a source that always has one before another task gets its turn. make is given the
/// source and makes the pipeline. The source ends at last, so that the answer to a pipeline that hogs is a number.
template <class Make>
int pulled_before_others_run(Make make) {
    constexpr int most = 1'000'000;
    weir::testing::virtual_executor ex;
    int pulled = 0;
    auto source = weir::generate([&]() -> std::optional<int> {
        if (pulled == most) return std::nullopt;
        return ++pulled;
    });
    const auto hot = ex.spawn(make(std::move(source)));
    ex.run(weir::yield());
    return pulled;
}

} // namespace

TEST_SUITE("operators/always_ready") {
    TEST_CASE("an operator that keeps or drops ready items lets others run") {
        const int few = 10'000;
        const auto none = [](int) { return false; };
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::window(1h, [](auto items) { return std::move(items) | weir::drain(); }) |
                         weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return (std::move(s) | weir::partition([](int) { return false; })).first | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::window(1h, [](auto items) { return std::move(items) | weir::first(); }) |
                         weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::sessions(1h) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::filter(none) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::chunk(2'000'000) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::chunk(2'000'000, 1h) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::chunk_weighted(2'000'000, [](int) { return 1; }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::chunk_by([](int) { return 0; }) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::split_when(none) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::sliding(1, 2'000'000) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::debounce(1h) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::throttle(1h) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::sample(1h) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::exhaust_map([](int) { return weir::never<int>(); }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::buffer(1, weir::overflow::drop_oldest) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::buffer(1, weir::overflow::drop_newest) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::skip_until(weir::never<int>()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::handle<int>([](int, const auto&) {}) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::contains(0); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  const auto fails = [](int i) { return weir::outcome<int>::failed(std::make_exception_ptr(i)); };
                  return std::move(s) | weir::map(fails) | weir::skip_errors() | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  const auto at_once = [](int) { return weir::time_point{}; };
                  return std::move(s) |
                         weir::event_windows(weir::tumbling_windows{1s}, {.max_items = 2'000'000}, at_once) |
                         weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  const auto drained = [](auto items) { return std::move(items) | weir::drain(); };
                  return std::move(s) | weir::window(weir::back_to_back{1h}, drained) | weir::drain();
              }) < few);
    }

    TEST_CASE("an operator that passes on ready items lets others run") {
        const int few = 10'000;
        const auto other = [] { return weir::generate([] { return 1; }); };
        CHECK(pulled_before_others_run(
                  [&](auto s) { return (std::move(s) | weir::share()).subscribe() | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::keep_alive(1s, [] { return 0; }) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::valve(weir::state{true}) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::buffer(16) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::timeout(1s) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::conflate_with([](int, int x) { return x; }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::latest_per_key(9, [](int) { return 0; }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::latest_per_key_frames(9, [](int) { return 0; }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::log("s", [](std::string_view) {}) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return std::move(s) | weir::on_demand([] {}) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::start_with(std::vector{1, 2}) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  const auto settled = [](int i) { return weir::as_outcome(weir::just(i) | weir::count()); };
                  return std::move(s) | weir::map_async(4, settled) | weir::skip_errors() | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&]<class S>(S s) {
                  auto [streams, items] = weir::stream_map<int, S>();
                  streams.insert(1, std::move(s));
                  return std::move(items) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::also_to(weir::drain()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::wire_tap(weir::drain()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return (std::move(s) | weir::partition([](int) { return false; })).second | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return weir::merge(std::move(s) | weir::balance(2)) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::broadcast_through(weir::map([](int x) { return x; })) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return weir::merge_prioritized({2, 1}, std::move(s), other()) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::expand(2, [](int) { return weir::empty<int>(); }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run([&](auto s) {
                  return std::move(s) | weir::extrapolate([](int x) { return x; }) | weir::drain();
              }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::batch_while_busy(9) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return weir::merge(std::move(s), other()) | weir::drain(); }) <
              few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return weir::interleave(2, std::move(s), other()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return std::move(s) | weir::with_latest_from(other()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return weir::merge_sorted(std::move(s), other()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([&](auto s) { return weir::zip(std::move(s), other()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return weir::zip_longest(std::move(s), other()) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run(
                  [&](auto s) { return weir::combine_latest(std::move(s), other()) | weir::drain(); }) < few);
    }

    TEST_CASE("a sink with an upstream that is always ready lets others run") {
        const int few = 10'000;
        CHECK(pulled_before_others_run([](auto s) { return std::move(s) | weir::drain(); }) < few);
        CHECK(pulled_before_others_run([](auto s) { return std::move(s) | weir::count(); }) < few);
        CHECK(pulled_before_others_run([](auto s) { return std::move(s) | weir::last(); }) < few);
        CHECK(pulled_before_others_run([](auto s) { return std::move(s) | weir::to<std::vector>(); }) < few);
        CHECK(pulled_before_others_run(
                  [](auto s) { return std::move(s) | weir::fold(0, [](int, int i) { return i; }); }) < few);
    }
}
