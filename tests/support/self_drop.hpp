// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Spawns an operation that drops itself by its handle as it runs, at once and later. Sanitizers report what touches
/// memory of it afterwards.
/// @param make  from a task to the operation that is tested, which polls it
template <class Make>
void operation_drops_itself(Make make) {
    using tested = decltype(make(std::declval<weir::task<>>()));
    for (const bool later : {false, true}) {
        CAPTURE(later);
        weir::testing::virtual_executor ex;
        std::optional<weir::join_handle<tested>> handle;
        bool dropped = false;
        const auto culprit = [&]() -> weir::task<> {
            if (later) co_await weir::sleep_for(std::chrono::milliseconds{1});
            handle.reset();
            dropped = true;
            co_await weir::yield();
            FAIL("the operation went on after it was dropped");
        };
        handle.emplace(ex.spawn(make(culprit())));
        ex.advance(std::chrono::milliseconds{2});
        CHECK(dropped);
        CHECK(ex.stats().timers_armed == 0);
    }
}

/// Builds a pipeline around a stream that drops the pipeline while it is polled, by a driver. Sanitizers report what
/// touches memory of it afterwards.
/// @param make  from the stream to the one that is tested
inline void drop_erased_from_within(const std::function<weir::async_stream<int>(weir::async_stream<int>)>& make) {
    for (const bool at_first_poll : {false, true}) {
        CAPTURE(at_first_poll);
        weir::testing::virtual_executor ex;
        std::optional<weir::testing::probe_sink<weir::async_stream<int>>> sink;
        const auto culprit = [&]() -> weir::async_stream<int> {
            if (!at_first_poll) co_yield 1;
            sink.reset();
            co_await weir::yield();
            FAIL("it went on after it was dropped");
        };
        auto pipeline =
            weir::merge(weir::just(1), make(culprit())) | weir::flat_map(4, [](int) { return weir::just(1); });
        sink.emplace(ex, weir::async_stream<int>{std::move(pipeline)});
        sink->request(1);
        ex.run_ready();
        CHECK_FALSE(sink);
    }
}

/// The same for streams of any items. What surrounds the stream is one type, so that many of them compile fast.
template <class Make>
void drop_from_within(Make make) {
    drop_erased_from_within([&](weir::async_stream<int> culprit) {
        return weir::async_stream<int>{make(std::move(culprit)) | weir::map([](auto) { return 1; })};
    });
}

/// Drops the pipeline from the second call of a function that returns the duration for an item. No further call may
/// follow, and no item may arrive.
/// @param make  from that function to the operator that is tested
template <class Make>
void duration_drops_itself(Make make) {
    weir::testing::virtual_executor ex;
    std::function<void()> drop_all;
    weir::testing::probe<int> source;
    int calls = 0;
    const auto duration_of = [&](int) {
        if (++calls == 2) drop_all();
        return std::chrono::milliseconds{1};
    };
    weir::testing::probe_sink sink{ex, source.stream() | make(duration_of)};
    drop_all = [&] { sink.drop(); };
    sink.request();
    for (int i = 0; i != 4; ++i) source.push(i);
    ex.advance(std::chrono::seconds{1});
    CHECK(calls == 2);
    CHECK(sink.items().empty());
}

} // namespace support
