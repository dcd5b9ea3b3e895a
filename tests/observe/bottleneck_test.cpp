// SPDX-License-Identifier: MIT
#include <weir/observe/metrics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <manual_clock.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/observe/meter.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/zip.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

using namespace std::chrono_literals;
using weir::meter;
using weir::testing::virtual_executor;
using part = weir::bottleneck_report::part;

/// How long the parts of a pipeline take for an item: the source, the stages, and the consumer.
using times = std::array<weir::duration, 4>;
using ints = weir::async_stream<int>;

constexpr int items = 200;

ints every(weir::duration d, int count = items) {
    for (int i = 0; i != count; ++i) {
        co_await weir::sleep_for(d);
        co_yield i;
    }
}

/// A stage that waits for each item, and asks for none meanwhile.
ints takes(weir::duration d, ints upstream) {
    while (auto item = co_await weir::next(upstream)) {
        co_await weir::sleep_for(d);
        co_yield *item;
    }
}

auto after(weir::duration d) {
    return [d](auto) -> weir::task<int> {
        co_await weir::sleep_for(d);
        co_return 1;
    };
}
auto consume(weir::duration d) {
    return weir::for_each([d](auto) { return weir::sleep_for(d); });
}

/// A source, two stages and a consumer that take turns.
weir::task<> in_turns(times t) {
    auto first = takes(t[1], every(t[0]) | meter("read")) | meter("parse");
    co_await (takes(t[2], std::move(first)) | meter("store") | consume(t[3]));
}
/// The same with buffers between them.
weir::task<> buffered(times t) {
    auto first = takes(t[1], every(t[0]) | meter("read") | weir::buffer(4)) | meter("parse") | weir::buffer(4);
    co_await (takes(t[2], std::move(first)) | meter("store") | weir::buffer(4) | consume(t[3]));
}
weir::task<> concurrent(times t) {
    co_await (every(t[0]) | meter("read") | weir::map_async(4, after(t[1])) | meter("parse") |
              weir::map_async(2, after(t[2])) | meter("store") | consume(t[3]));
}
weir::task<> chunked(times t) {
    co_await (every(t[0]) | meter("read") | weir::filter([](int i) { return i % 2 == 0; }) | weir::chunk(10) |
              meter("parse") | weir::map_async(1, after(t[2])) | meter("store") | consume(t[3]));
}
weir::task<> zipped(times t) {
    co_await (weir::zip(every(t[0]) | meter("read"), every(t[1]) | meter("parse")) | weir::buffer(2) |
              weir::map_async(1, after(t[2])) | meter("store") | consume(t[3]));
}
weir::task<> paced(times t) {
    const weir::rate pace{1, t[1]};
    co_await (every(t[0]) | meter("read") | weir::pace(pace) | meter("parse") | weir::buffer(2) |
              weir::map_async(2, after(t[2])) | meter("store") | consume(t[3]));
}
weir::task<> flattened(times t) {
    const auto inner = [d = t[1]](int) { return every(d, 3); };
    co_await (every(t[0], items / 4) | meter("read") | weir::flat_map(1, inner) | meter("parse") | weir::buffer(3) |
              weir::map_async(1, after(t[2])) | meter("store") | consume(t[3]));
}

struct planted {
    const char* name;
    weir::task<> (*run)(times);
    times t;
    std::size_t slowest; // of the times
};

constexpr planted pipelines[] = {
    {"in turns: the source", &in_turns, {30ms, 5ms, 5ms, 10ms}, 0},
    {"in turns: the first stage", &in_turns, {5ms, 40ms, 5ms, 10ms}, 1},
    {"in turns: the second stage", &in_turns, {5ms, 10ms, 25ms, 10ms}, 2},
    {"in turns: the consumer", &in_turns, {5ms, 10ms, 10ms, 16ms}, 3},
    {"in turns: a little slower than the next", &in_turns, {10ms, 11ms, 9ms, 10ms}, 1},
    {"buffered: the source", &buffered, {30ms, 5ms, 20ms, 10ms}, 0},
    {"buffered: the first stage", &buffered, {5ms, 40ms, 5ms, 30ms}, 1},
    {"buffered: the second stage", &buffered, {5ms, 10ms, 25ms, 10ms}, 2},
    {"buffered: the consumer", &buffered, {5ms, 10ms, 10ms, 16ms}, 3},
    {"buffered: much slower than the rest", &buffered, {1ms, 1ms, 90ms, 1ms}, 2},
    {"concurrent: the source", &concurrent, {30ms, 60ms, 30ms, 10ms}, 0},
    {"concurrent: the first stage, with all places taken", &concurrent, {5ms, 120ms, 10ms, 10ms}, 1},
    {"concurrent: the second stage, with all places taken", &concurrent, {5ms, 20ms, 90ms, 10ms}, 2},
    {"concurrent: the consumer", &concurrent, {5ms, 20ms, 20ms, 40ms}, 3},
    {"chunked: the source, of which many items make one", &chunked, {10ms, 0ms, 50ms, 80ms}, 0},
    {"chunked: the stage that takes chunks", &chunked, {1ms, 0ms, 90ms, 20ms}, 2},
    {"chunked: the consumer", &chunked, {1ms, 0ms, 10ms, 70ms}, 3},
    {"zipped: the first of two sources", &zipped, {40ms, 10ms, 20ms, 10ms}, 0},
    {"zipped: the second of two sources", &zipped, {10ms, 40ms, 20ms, 10ms}, 1},
    {"zipped: the stage behind them", &zipped, {10ms, 5ms, 50ms, 10ms}, 2},
    {"paced: the pace", &paced, {5ms, 40ms, 50ms, 10ms}, 1},
    {"paced: the source", &paced, {60ms, 20ms, 50ms, 10ms}, 0},
    {"flattened: the inner streams", &flattened, {5ms, 40ms, 20ms, 10ms}, 1},
    {"flattened: the consumer", &flattened, {5ms, 10ms, 10ms, 40ms}, 3},
};

weir::duration run(virtual_executor& ex, const planted& one, times t) {
    ex.run(one.run(t));
    return ex.elapsed();
}

/// How much faster the pipeline is when one part takes half of its time.
double gain_of(const planted& one, std::size_t halved) {
    virtual_executor before, after_it;
    times t = one.t;
    const double slow = static_cast<double>(run(before, one, t).count());
    t[halved] /= 2;
    return slow / static_cast<double>(run(after_it, one, t).count());
}

} // namespace

TEST_SUITE("observe/bottleneck") {
    TEST_CASE("bottleneck names the part that holds back the others, and what speeding it up gives") {
        constexpr std::array names{"read", "parse", "store", "store"};
        for (const planted& one : pipelines) {
            const std::string name = one.name;
            CAPTURE(name);
            virtual_executor ex;
            run(ex, one, one.t);
            const auto found = weir::bottleneck(ex);
            REQUIRE(found.has_value());
            CAPTURE(found->text());
            CHECK(found->where == (one.slowest == 3 ? part::consumer : part::stage));
            CHECK(found->meter == names[one.slowest]);
            CHECK_FALSE(found->estimated);
            // No other part would give as much, and this one gives what was foretold.
            const double gain = gain_of(one, one.slowest);
            CAPTURE(gain);
            for (std::size_t i = 0; i != 4; ++i) {
                if (i != one.slowest) CHECK(gain_of(one, i) < gain);
            }
            CHECK(gain < found->gain_at_most + 0.03);
            if (one.run == &in_turns) CHECK(gain == doctest::Approx(found->gain_in_turns).epsilon(0.01));
        }
    }

    TEST_CASE("bottleneck compares pipelines of one executor, and the present state counts") {
        virtual_executor ex;
        CHECK_FALSE(weir::bottleneck(ex).has_value());
        const auto even = ex.spawn(every(10ms, 10'000) | meter("even") | consume(10ms));
        const auto uneven = ex.spawn(every(10ms, 10'000) | meter("uneven") | consume(40ms));
        ex.advance(10s);
        const auto found = weir::bottleneck(ex);
        REQUIRE(found.has_value());
        CHECK(found->where == part::consumer);
        CHECK(found->meter == "uneven");
        CHECK(found->share == doctest::Approx(0.8).epsilon(0.01));
        CHECK(found->gain_in_turns == doctest::Approx(1 / 0.6).epsilon(0.01));
        CHECK(found->text() ==
              "what follows uneven holds the others back for 80% of the time; twice as fast, it would "
              "make the pipeline 1.7 times as fast where stages take turns, and at most 2 times where they overlap");
    }

    TEST_CASE("bottleneck counts work beside the consumer as the consumer's, and `waited` shows the slower stage") {
        virtual_executor ex;
        ex.run(weir::iota(0, 12) | weir::map_async(1, after(300ms)) | meter("parse") | consume(250ms));
        const auto found = weir::bottleneck(ex);
        REQUIRE(found.has_value());
        CHECK(found->where == part::consumer);
        const auto stages = weir::metered_stages(ex);
        CHECK(stages.front().waited == 300ms + 11 * 50ms); // for each item: parse is slower
    }

    TEST_CASE("bottleneck finds a stage that computes, from a sample") {
        support::manual_executor ex; // time passes as the functions say
        const auto parse = [&](int i) {
            ex.stall(30us);
            return i;
        };
        const auto store = [&](int) -> weir::task<> {
            ex.stall(10us);
            co_await weir::yield();
        };
        ex.run(weir::iota(0, 5000) | meter("numbers") | weir::map(parse) | meter("parsed") | weir::for_each(store));
        const auto found = weir::bottleneck(ex);
        REQUIRE(found.has_value());
        CHECK(found->meter == "parsed");
        CHECK(found->share == doctest::Approx(0.75).epsilon(0.01));
        CHECK(found->where == part::stage);
        CHECK(found->estimated);
    }
}
