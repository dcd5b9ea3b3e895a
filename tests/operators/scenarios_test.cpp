// SPDX-License-Identifier: MIT
// Behaviour that users rely on across operators, each named by its sentence.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <many_probes.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/reactive_streams.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/end_with.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/kill_switch.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/merge_prioritized.hpp>
#include <weir/operators/on_error_return.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/zip.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/memoize.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/event.hpp>
#include <weir/sync/state.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

std::exception_ptr error(const char* what) { return std::make_exception_ptr(std::runtime_error{what}); }

/// Counts the ones that are alive.
class alive {
public:
    explicit alive(int& count) : count_{&count} { ++count; }
    alive(alive&& other) noexcept : count_{std::exchange(other.count_, nullptr)} {}
    ~alive() {
        if (count_ != nullptr) --*count_;
    }

private:
    int* count_;
};

/// A stream that never has an item.
weir::async_stream<int> hanging(int& running) {
    const alive counted(running);
    auto silent = weir::never<int>();
    co_await weir::next(silent);
    co_yield 0;
}

weir::task<int> wait_and_return(int ticks) {
    co_await weir::sleep_for(ticks * 1ms);
    co_return ticks;
}

/// Items with pauses before them, as the numbers of their pauses in milliseconds.
weir::async_stream<int> spaced(std::vector<int> pauses, bool* reached_end = nullptr) {
    for (const int pause : pauses) {
        co_await weir::sleep_for(pause * 1ms);
        co_yield pause;
    }
    if (reached_end != nullptr) *reached_end = true;
}

} // namespace

TEST_SUITE("operators/scenarios") {
    TEST_CASE("a consumer that waits for a silent source is woken once when the stream is aborted, and sees the end") {
        virtual_executor ex;
        probe<int> silent;
        weir::state control{weir::kill::none};
        probe_sink sink{ex, silent.stream() | weir::kill_switch(control)};
        sink.request();
        ex.run_ready();
        const std::size_t before = sink.polls();
        control.set(weir::kill::drain);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(sink.polls() == before + 1);
        CHECK(silent.dropped());
    }

    TEST_CASE(
        "a map that throws on the second of three items: the consumer sees one item and the error, not the third") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        const auto fails_on_two = [](int x) { return x == 2 ? throw std::runtime_error{"two"} : x; };
        probe_sink sink{ex, source.stream() | weir::map(fails_on_two)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK(sink.error_message() == "two");
        CHECK(source.polls() == 2);
    }

    TEST_CASE("a consumer that throws on an item of a flat_map loses no other: the next consumer gets the rest") {
        virtual_executor ex;
        auto items = weir::iota(0, 4) | weir::flat_map(4, [](int x) { return weir::iota(10 * x, 10 * x + 2); });
        std::vector<int> seen;
        const auto take_one_and_fail = [&]() -> weir::task<> {
            seen.push_back(*co_await weir::next(items));
            throw std::runtime_error{"consumer"};
        };
        const auto take_all = [&]() -> weir::task<> {
            while (auto x = co_await weir::next(items)) seen.push_back(*x);
        };
        CHECK_THROWS_WITH(ex.run(take_one_and_fail()), "consumer");
        ex.run(take_all());
        std::sort(seen.begin(), seen.end());
        CHECK(seen == std::vector{0, 1, 10, 11, 20, 21, 30, 31});
    }

    TEST_CASE("a take_until whose signal is withdrawn runs to the natural end of its stream") {
        virtual_executor ex;
        auto [tx, rx] = weir::channel<int>(1);
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::take_until(std::move(rx))};
        sink.request();
        ex.run_ready();
        { const auto withdrawn = std::move(tx); }
        ex.run_ready();
        source.push(1);
        source.end();
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        CHECK(sink.ended());
    }

    TEST_CASE("a merge whose preferred side ends first polls the other once for each item and once for its end") {
        virtual_executor ex;
        probe<int> preferred;
        probe<int> slower;
        for (const int x : {1, 2}) preferred.push(x);
        for (const int x : {3, 4, 5}) slower.push(x);
        preferred.end();
        slower.end();
        probe_sink sink{ex, weir::merge_prioritized({9, 1}, preferred.stream(), slower.stream())};
        sink.request();
        ex.run_ready();
        CHECK(sink.items().size() == 5);
        CHECK(sink.ended());
        CHECK(slower.polls() == 4);
    }

    TEST_CASE("the children of a merge that were not woken are not polled again, however many there are") {
        virtual_executor ex;
        support::many_probes many{20};
        probe_sink sink{ex, weir::merge(many.streams())};
        sink.request();
        ex.run_ready();
        many.sources[7].push(1);
        ex.run_ready();
        CHECK(sink.items() == std::vector{1});
        for (std::size_t i = 0; i != 20; ++i) CHECK(many.sources[i].polls() == (i == 7 ? 3 : 1));
    }

    TEST_CASE("a container of half-run children destroys each of them, one whose wake is queued included") {
        virtual_executor ex;
        int running = 0;
        std::array<weir::event, 3> events;
        const auto child = [&](int i) -> weir::async_stream<int> {
            const alive counted(running);
            co_await events[static_cast<std::size_t>(i)].wait();
            co_yield i;
        };
        probe_sink sink{ex, weir::iota(0, 3) | weir::flat_map(3, child)};
        sink.request();
        ex.run_ready();
        CHECK(running == 3);
        events[1].set();
        sink.drop();
        CHECK(running == 0);
        ex.run_ready();
        CHECK(sink.items().empty());
    }

    TEST_CASE("a shared computation may destroy another handle to itself while it runs") {
        virtual_executor ex;
        std::function<void()> drop_other;
        const auto compute = [&]() -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            drop_other();
            co_await weir::sleep_for(1ms);
            co_return 5;
        };
        auto shared = weir::memoize(compute());
        std::optional other{shared};
        drop_other = [&] { other.reset(); };
        CHECK(ex.run(shared.get()) == 5);
    }

    TEST_CASE("with four operations at a time the fifth is started when one has ended, and results come as they end") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {4, 3, 2, 1, 9}) source.push(x);
        probe_sink sink{ex, source.stream() | weir::map_async_unordered(4, wait_and_return)};
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 4);
        ex.advance(1ms);
        CHECK(source.taken() == 5);
        ex.advance(4ms);
        CHECK(sink.items() == std::vector{1, 2, 3, 4});
    }

    TEST_CASE("a fan-out to two receivers without buffers waits until both have taken the item, whichever is first") {
        for (const bool left_first : {true, false}) {
            virtual_executor ex;
            auto [to_left, left] = weir::channel<int>(0);
            auto [to_right, right] = weir::channel<int>(0);
            int sent = 0;
            const auto send_both = [&, one = to_left, other = to_right](int x) -> weir::task<> {
                co_await weir::when_all(one.send(x), other.send(x));
                ++sent;
            };
            const auto fan_out = ex.spawn(weir::iota(0, 2) | weir::for_each(send_both));
            ex.run_ready();
            ex.run(weir::next(left_first ? left : right));
            ex.run_ready();
            CHECK(sent == 0);
            ex.run(weir::next(left_first ? right : left));
            ex.run_ready();
            CHECK(sent == 1);
        }
    }

    TEST_CASE("flat_map(2) over streams that never end starts two of them, and destroys both with its consumer") {
        virtual_executor ex;
        int running = 0;
        int started = 0;
        probe_sink sink{ex, weir::iota(0, 100) | weir::flat_map(2, [&](int) { return ++started, hanging(running); })};
        sink.request();
        ex.run_ready();
        CHECK(started == 2);
        CHECK(running == 2);
        sink.drop();
        CHECK(running == 0);
    }

    TEST_CASE("take(2) below a flat_map stops the source before it emits its last item") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        const auto items = ex.run(source.stream() | weir::flat_map(1, [](int x) { return weir::just(x); }) |
                                  weir::take(2) | weir::to<std::vector>());
        CHECK(items == std::vector{1, 2});
        CHECK(source.taken() < 3);
        CHECK(source.dropped());
    }

    TEST_CASE("an error of the second inner stream of a switch_map arrives when the first, which hangs, is destroyed") {
        virtual_executor ex;
        int running = 0;
        const auto inner = [&](int x) -> weir::async_stream<int> {
            if (x == 1) return hanging(running);
            CHECK(running == 0);
            return weir::just(x) | weir::map([](int) -> int { throw std::runtime_error{"second"}; });
        };
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::switch_map(inner)};
        sink.request();
        source.push(1);
        ex.run_ready();
        CHECK(running == 1);
        source.push(2);
        ex.run_ready();
        CHECK(sink.error_message() == "second");
    }

    TEST_CASE("a retry does not start its source again for an error of a map below it") {
        virtual_executor ex;
        int started = 0;
        const auto factory = [&] { return ++started, weir::iota(0, 3); };
        CHECK_THROWS_WITH(ex.run(weir::retry(factory) |
                                 weir::map([](int) -> int { throw std::runtime_error{"below"}; }) | weir::drain()),
                          "below");
        CHECK(started == 1);
    }

    TEST_CASE("a take(2) inside a retry that is satisfied asks neither the predicate nor for a third item") {
        virtual_executor ex;
        probe<int> source;
        for (const int x : {1, 2, 3}) source.push(x);
        int asked = 0;
        auto factory = [stream = source.stream()]() mutable { return std::move(stream) | weir::take(2); };
        const auto items =
            ex.run(weir::retry(std::move(factory), {.when = [&](std::exception_ptr) { return ++asked, true; }}) |
                   weir::to<std::vector>());
        CHECK(items == std::vector{1, 2});
        CHECK(asked == 0);
        CHECK(source.polls() == 2);
    }

    TEST_CASE("an error of a map destroys a child of the source that runs, and is replaced by a fallback value") {
        virtual_executor ex;
        int running = 0;
        const auto fails = [](int) -> int { throw std::runtime_error{"map"}; };
        const auto items = ex.run(weir::merge(hanging(running), weir::just(1) | weir::map([](int x) { return x; })) |
                                  weir::map(fails) | weir::take(2) | weir::on_error_return(9) |
                                  weir::map([&](int x) { return x + running; }) | weir::to<std::vector>());
        CHECK(items == std::vector{9});
    }

    TEST_CASE("a value to be added at the end is dropped silently when the consumer has stopped at the first item") {
        virtual_executor ex;
        const auto added = std::make_shared<int>(2);
        const auto found = ex.run(weir::just(std::make_shared<int>(1)) | weir::end_with(added) | weir::first());
        CHECK(**found == 1);
        CHECK(added.use_count() == 1);
    }

    TEST_CASE("a zip whose shorter side has ended destroys the longer while it hangs, and asks it for no item alone") {
        virtual_executor ex;
        probe<int> shorter;
        probe<int> longer;
        shorter.push(1);
        longer.push(2);
        probe_sink sink{ex, weir::zip(shorter.stream(), longer.stream())};
        sink.request();
        ex.run_ready();
        CHECK(longer.waiting());
        shorter.end();
        ex.run_ready();
        CHECK(sink.items().size() == 1);
        CHECK(sink.ended());
        CHECK(longer.dropped());
        CHECK(longer.taken() == 1);
    }

    TEST_CASE("a producer over a channel without a buffer gets no further than to offer the item after take(2)") {
        virtual_executor ex;
        auto [tx, rx] = weir::channel<int>(0);
        std::vector<int> offered;
        std::vector<bool> accepted;
        auto produce = [&, out = std::move(tx)]() mutable -> weir::task<> {
            for (int i = 0; accepted.empty() || accepted.back(); ++i) {
                offered.push_back(i);
                accepted.push_back(co_await out.send(i));
            }
        };
        const auto producer = ex.spawn(std::move(produce));
        CHECK(ex.run(std::move(rx) | weir::take(2) | weir::to<std::vector>()) == std::vector{0, 1});
        ex.run_ready();
        CHECK(offered == std::vector{0, 1, 2});
        CHECK(accepted == std::vector{true, true, false});
    }

    TEST_CASE("debounce(100ms) holds items that are 99ms apart, emits those 101ms apart, and the last at the end") {
        virtual_executor ex;
        const auto items = [&](std::vector<int> pauses) {
            return ex.run(spaced(std::move(pauses)) | weir::debounce(100ms) | weir::to<std::vector>());
        };
        CHECK(items({99, 99, 99, 150}) == std::vector{99, 150});
        CHECK(items({99, 99, 98}) == std::vector{98});
        CHECK(items({101, 101, 101}) == std::vector{101, 101, 101});
    }

    TEST_CASE("timeout(300ms) starts again at each item and fires in a gap of 400ms, whose code never runs") {
        virtual_executor ex;
        bool reached_end = false;
        std::vector<int> seen;
        CHECK_THROWS_AS(ex.run(spaced({100, 100, 250, 400}, &reached_end) | weir::timeout(300ms) |
                               weir::for_each([&](int x) { seen.push_back(x); })),
                        weir::timed_out);
        CHECK(seen == std::vector{100, 100, 250});
        CHECK_FALSE(reached_end);
        CHECK(ex.elapsed() == 750ms);
    }

    TEST_CASE("a slow subscriber of a shared stream that leaves frees the items held for it, and the source goes on") {
        virtual_executor ex;
        int items_alive = 0;
        auto source = weir::iota(0) | weir::map([&](int) { return std::make_shared<alive>(items_alive); });
        auto shared = std::move(source) | weir::share({.capacity = 4});
        int seen = 0;
        std::optional slow{shared.subscribe()};
        auto fast = ex.spawn(shared.subscribe() | weir::take(20) | weir::for_each([&](const auto&) { ++seen; }));
        ex.run_ready();
        CHECK(seen == 4);
        CHECK(items_alive == 4);
        slow.reset();
        ex.run_ready();
        CHECK(seen == 20);
        CHECK(items_alive == 0);
    }

    TEST_CASE("an operation of map_async that fails is seen while the source still waits for its second item") {
        virtual_executor ex;
        probe<int> source;
        const auto fails = [](int) -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            throw std::runtime_error{"first"};
        };
        probe_sink sink{ex, source.stream() | weir::map_async(2, fails)};
        sink.request();
        source.push(1);
        ex.run_ready();
        CHECK(source.waiting());
        ex.advance(1ms);
        CHECK(sink.error_message() == "first");
        CHECK(source.dropped());
    }

    TEST_CASE("a subscriber that has received all it asked for sees the end with its next request, and no item") {
        struct one_request final : weir::rs::subscriber<int> {
            void on_subscribe(std::shared_ptr<weir::rs::subscription> to) override {
                link = std::move(to);
                link->request(1);
            }
            void on_next(int) override { seen += 'n'; }
            void on_error(std::exception_ptr) override { seen += 'e'; }
            void on_complete() override { seen += 'c'; }
            std::shared_ptr<weir::rs::subscription> link;
            std::string seen;
        };
        virtual_executor ex;
        const auto subscriber = std::make_shared<one_request>();
        weir::rs::to_publisher([] { return weir::just(1); }, ex)->subscribe(subscriber);
        const auto run = [&] {
            for (int i = 0; i != 4; ++i) ex.run(weir::yield());
        };
        run();
        CHECK(subscriber->seen == "n");
        subscriber->link->request(1);
        run();
        CHECK(subscriber->seen == "nc");
    }

    TEST_CASE("an inner stream of a flat_map that fails destroys its siblings, those that hold an item included") {
        virtual_executor ex;
        support::many_probes many{3};
        auto streams = many.streams();
        probe_sink sink{ex, weir::iota(0, 3) | weir::flat_map(3, [&](int i) {
                                return std::move(streams[static_cast<std::size_t>(i)]);
                            })};
        sink.request(1);
        many.sources[0].push(1);
        many.sources[0].push(2);
        ex.run_ready();
        many.sources[1].fail(error("inner"));
        sink.request();
        ex.run_ready();
        CHECK(sink.error_message() == "inner");
        for (const auto& source : many.sources) CHECK(source.dropped());
    }

    TEST_CASE("debounce(0) delivers every item of a burst, and sample delivers the last item at the end") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 3) | weir::debounce(0ms) | weir::to<std::vector>()) == std::vector{0, 1, 2});
        marbles m;
        CHECK(m.play(m.hot("ab|") | weir::sample(m.ticks(5))) == "--[b|]");
    }

    TEST_CASE("buffers do not fuse: a buffer of one and a buffer of two hold three items") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::buffer(1) | weir::buffer(2)};
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1 + 3);
    }

    TEST_CASE("a source that is always ready lets a drop from outside in") {
        virtual_executor ex;
        int pulled = 0;
        std::optional hot{ex.spawn(weir::generate([&] { return ++pulled; }) | weir::drain())};
        ex.run(weir::yield());
        ex.post([&] { hot.reset(); });
        ex.run(weir::sleep_for(1ms));
        CHECK(pulled > 0);
        CHECK(pulled < 10'000);
    }

    TEST_CASE("an ordered map_async(2) starts nothing before the first poll, and two at most wait for delivery") {
        virtual_executor ex;
        int started = 0;
        const auto start = [&](int x) { return ++started, wait_and_return(x); };
        probe_sink sink{ex, weir::iota(1) | weir::map_async(2, start)};
        ex.advance(10ms);
        CHECK(started == 0);
        sink.request(1);
        ex.run_ready();
        ex.advance(10ms);
        CHECK(sink.items() == std::vector{1});
        CHECK(started == 1 + 2);
    }

    TEST_CASE("an error of the outer stream of a concat_map is seen after the active inner stream has ended") {
        marbles m;
        CHECK(m.play(m.hot("a#") | weir::concat_map([&](char) { return m.cold("-x-y|"); })) == "-x-y#");
    }

    TEST_CASE("a group whose handler has returned drops its later items to on_drop") {
        virtual_executor ex;
        std::vector<int> dropped;
        ex.run(weir::iota(0, 5) | weir::for_each_group([](int) { return 0; },
                                                       [](int, auto items) { return std::move(items) | weir::first(); },
                                                       {}, [&](int x) { dropped.push_back(x); }));
        CHECK(dropped == std::vector{1, 2, 3, 4});
    }

    TEST_CASE("a cleanup that throws while another error is on its way: that one is delivered, and it is reported") {
        virtual_executor ex;
        std::string reported;
        ex.on_error([&](std::exception_ptr e, std::source_location) {
            try {
                std::rethrow_exception(std::move(e));
            } catch (const std::runtime_error& e2) {
                reported = e2.what();
            }
        });
        probe<int> source;
        source.fail(error("first"));
        CHECK_THROWS_WITH(
            ex.run(source.stream() | weir::finally([] { throw std::runtime_error{"cleanup"}; }) | weir::drain()),
            "first");
        CHECK(reported == "cleanup");
    }
}
