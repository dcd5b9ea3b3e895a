#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Polls an operation that belongs to somebody else, and may be destroyed meanwhile: there is nothing that puts that off.
template <weir::awaitable A>
class borrowed {
public:
    using result_type = typename A::result_type;

    explicit borrowed(A& operation) noexcept : operation_{&operation} {}

    weir::poll<result_type> poll_result(weir::context& cx) const { return operation_->poll_result(cx); }

private:
    A* operation_;
};

/// Polls an operation that destroys itself as it runs, at once and later.
/// @param make  from a task to the operation that is tested, which polls it
template <class Make>
void operation_drops_itself(Make make) {
    using tested = decltype(make(std::declval<weir::task<>>()));
    for (const bool later : {false, true}) {
        CAPTURE(later);
        weir::testing::virtual_executor ex;
        std::unique_ptr<tested> operation;
        const auto culprit = [&]() -> weir::task<> {
            if (later) co_await weir::sleep_for(std::chrono::milliseconds{1});
            operation.reset();
            co_await weir::yield();
            FAIL("it went on after it was dropped");
        };
        operation = std::make_unique<tested>(make(culprit()));
        const auto handle = ex.spawn(borrowed<tested>{*operation});
        ex.advance(std::chrono::milliseconds{2});
        CHECK_FALSE(operation);
        CHECK(ex.timers().size() == 0);
    }
}

/// Builds a pipeline around a stream that destroys the pipeline while it is polled, by a driver: with nothing above
/// that could put the destruction off. Sanitizers tell when something of it is touched later.
/// @param make  from the stream to the one that is tested
template <class Make>
void drop_from_within(Make make) {
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
        const auto one = [](auto) { return 1; };
        auto pipeline = weir::merge(weir::just(1), make(culprit()) | weir::map(one)) |
                        weir::flat_map(4, [](int) { return weir::just(1); });
        sink.emplace(ex, weir::async_stream<int>{std::move(pipeline)});
        sink->request(1);
        ex.run_ready();
        CHECK_FALSE(sink);
    }
}

} // namespace support
