// SPDX-License-Identifier: MIT
// After a drop from within the callable that runs finishes, and no other is called; where all callables of a chain are
// stateless it may go on to the end of its budget.

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/core/context.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/resilience/rate_limiter.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/with_resource.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;

namespace {

constexpr int many = 1'000'000;

/// Drops what it was given at its tenth call; counts the calls that come later.
class culprit {
public:
    explicit culprit(std::function<void()>& drop) noexcept : drop_{&drop} {}

    int calls() const noexcept { return calls_; }
    void call() {
        if (++calls_ == 10) (*drop_)();
    }

private:
    std::function<void()>* drop_;
    int calls_ = 0;
};

/// Runs what make(culprit) gives until the culprit drops it; says how often the culprit was called after that.
template <class Make>
int calls_after_the_drop(Make make) {
    weir::testing::virtual_executor ex;
    std::function<void()> drop;
    culprit c{drop};
    auto handle = std::optional{ex.spawn(make(c))};
    drop = [&] { handle.reset(); };
    ex.advance(1s);
    CHECK_FALSE(handle);
    return c.calls() - 10;
}

weir::async_stream<int> numbers(culprit& c) {
    for (int i = 0; i != many; ++i) {
        c.call();
        co_yield i;
    }
}

weir::task<int> calls_and_returns(culprit& c) {
    c.call();
    co_return 1;
}

weir::task<int> awaits_caller(culprit& c) {
    const int n = co_await calls_and_returns(c);
    if (c.calls() >= 10) c.call();
    co_return n;
}

weir::task<> awaits_callers(culprit& c) {
    for (int i = 0; i != many; ++i) {
        co_await awaits_caller(c);
        if (c.calls() >= 10) c.call();
    }
}

template <class S>
weir::async_stream<int> relays(S upstream, culprit& c) {
    while (auto x = co_await weir::next(upstream)) {
        if (c.calls() >= 10) c.call();
        co_yield *x;
    }
}

weir::async_stream<int> awaits_and_yields(culprit& c) {
    for (int i = 0; i != many; ++i) {
        const int n = co_await calls_and_returns(c);
        if (c.calls() >= 10) c.call();
        co_yield n;
    }
}

// The same for callables without a state.
std::optional<weir::join_handle<weir::task<>>> dropped;
int calls = 0;

void call() {
    if (++calls == 10) dropped.reset();
}

int stateless_calls_after_the_drop(weir::task<> (*make)()) {
    weir::testing::virtual_executor ex;
    calls = 0;
    dropped.emplace(ex.spawn(make()));
    ex.advance(1s);
    CHECK_FALSE(dropped);
    return calls - 10;
}

} // namespace

TEST_SUITE("dropping/calls_after") {
    TEST_CASE("a coroutine that drops its pipeline does not go on, and neither do its waiters") {
        CHECK(calls_after_the_drop([](culprit& c) {
                  return numbers(c) | weir::for_each([&c, n = 0](int) mutable {
                             if (++n == 10) c.call();
                         });
              }) == 0);
        CHECK(calls_after_the_drop([](culprit& c) { return awaits_callers(c); }) == 0);
        CHECK(calls_after_the_drop([](culprit& c) { return awaits_and_yields(c) | weir::drain(); }) == 0);
        CHECK(calls_after_the_drop([](culprit& c) {
                  auto upstream = weir::iota(0, many) | weir::map([&c](int x) {
                                      c.call();
                                      return x;
                                  });
                  return relays(std::move(upstream), c) | weir::drain();
              }) == 0);
    }

    TEST_CASE("an operator with a driver that drops the task that spawned it does not go on") {
        // The root that reads a shared source is spawned by the pipeline that is dropped.
        const auto shared = [](auto source) { return (std::move(source) | weir::share()).subscribe() | weir::drain(); };
        CHECK(calls_after_the_drop([&](culprit& c) {
                  return shared(weir::iota(0, many) | weir::map_async(many, [&c](int) {
                                    c.call();
                                    return weir::yield();
                                }));
              }) == 0);
        CHECK(calls_after_the_drop([&](culprit& c) {
                  return shared(weir::iota(0, many) | weir::conflate_with([&c](int x, int) {
                                    c.call();
                                    return x;
                                }) |
                                weir::pace(weir::rate{1}));
              }) == 0);
    }

    TEST_CASE("concat does not poll the next stream when the end of one has dropped the pipeline") {
        CHECK(calls_after_the_drop([](culprit& c) {
                  auto first = weir::iota(0, 1) | weir::finally([&c] {
                                   while (c.calls() != 10) c.call();
                               });
                  return weir::concat(std::move(first), weir::generate([&c]() -> std::optional<int> {
                                          c.call();
                                          return std::nullopt;
                                      })) |
                         weir::drain();
              }) == 0);
    }

    TEST_CASE("neither a sink beside the stream nor its consumer is called when the other has dropped the pipeline") {
        static culprit* of_consumer; // whose function has no state, so that the sink's function is all that has
        const auto beside = [](auto op, int from) {
            return calls_after_the_drop([&](culprit& c) {
                of_consumer = &c;
                const auto calls = [&c, from](int x) {
                    if (x >= from) c.call();
                };
                return weir::iota(0, many) | op(weir::for_each(calls)) |
                       weir::for_each([](int) { of_consumer->call(); });
            });
        };
        for (const int from : {0, 1}) { // the sink makes the tenth call, and the consumer
            CHECK(beside(weir::also_to, from) == 0);
            CHECK(beside(weir::wire_tap, from) == 0);
        }
    }

    TEST_CASE("wire_tap does not hand on an item when on_drop has dropped the pipeline") {
        CHECK(calls_after_the_drop([](culprit& c) {
                  const auto waits = [](int) { return weir::sleep_for(1h); };
                  const auto drops = [&c](int) {
                      if (c.calls() < 10) c.call(); // the item that is held comes last
                  };
                  return weir::iota(0, many) | weir::wire_tap(weir::for_each(waits), {.capacity = 1}, drops) |
                         weir::for_each([&c](int) {
                             if (c.calls() >= 10) c.call();
                         });
              }) == 0);
    }

    TEST_CASE("chunk does not poll its signal when upstream has dropped the pipeline") {
        CHECK(calls_after_the_drop([](culprit& c) {
                  auto upstream = weir::generate([&c] {
                      c.call();
                      return 1;
                  });
                  return std::move(upstream) | weir::chunk(many, weir::generate([&c]() -> std::optional<int> {
                                                               if (c.calls() >= 10) c.call();
                                                               return std::nullopt;
                                                           })) |
                         weir::drain();
              }) == 0);
    }

    TEST_CASE("with_resource does not use a resource that was opened by a function that dropped the pipeline") {
        int closed = 0;
        CHECK(calls_after_the_drop([&closed](culprit& c) {
                  return weir::with_resource(
                             1s,
                             [&c] {
                                 while (c.calls() != 10) c.call();
                                 return 1;
                             },
                             [&c](int&) {
                                 c.call();
                                 return weir::empty<int>();
                             },
                             [&closed](int&) { return ++closed, weir::yield(); }) |
                         weir::drain();
              }) == 0);
        CHECK(closed == 1);
    }

    TEST_CASE("a chain of callables without a state goes on to the end of its budget at most") {
        constexpr int budget = weir::context::polls_per_run;
        CHECK(stateless_calls_after_the_drop([]() -> weir::task<> {
                  auto all = weir::iota(0, many) | weir::for_each([](int) { call(); });
                  co_await all;
              }) <= budget);
        CHECK(stateless_calls_after_the_drop([]() -> weir::task<> {
                  auto all = weir::iota(0, many) | weir::map([](int x) {
                                 call();
                                 return x;
                             }) |
                             weir::filter([](int) { return false; }) | weir::drain();
                  co_await all;
              }) <= budget);
    }
}
