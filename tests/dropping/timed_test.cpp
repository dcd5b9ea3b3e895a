// SPDX-License-Identifier: MIT
// Runs a sample; WEIR_DROPPING=100 a larger one, WEIR_DROPPING=whole all of it, WEIR_DROPPING=each every pipeline in a
// process of its own.

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <dropping.hpp>
#include <dropping_ways.hpp>
#include <weir/core/overflow.hpp>
#include <weir/operators/also_to.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/buffer_weighted.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/concurrently.hpp>
#include <weir/operators/conflate_with.hpp>
#include <weir/operators/consumer_timeout.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/divert_to.hpp>
#include <weir/operators/event_windows.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/kill_switch.hpp>
#include <weir/operators/latest_per_key.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/replay.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/sessions.hpp>
#include <weir/operators/share.hpp>
#include <weir/operators/sliding.hpp>
#include <weir/operators/split_when.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/valve.hpp>
#include <weir/operators/window.hpp>
#include <weir/operators/wire_tap.hpp>
#include <weir/resilience/rate_limiter.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/never.hpp>
#include <weir/sync/state.hpp>
#include <weir/task.hpp>

namespace {

using namespace support::dropping;

auto items_of_chunk(scene& s) {
    return weir::map_concat([&s](std::vector<item> chunk) {
        s.called();
        return s.still_here(std::move(chunk));
    });
}

stage_table timed() {
    constexpr auto half_tick = weir::duration{tick} / 2;
    stage_table table;
    table.add("buffer", [](scene&, auto in) { return std::move(in) | weir::buffer(2); });
    table.add("buffer, drop_oldest", [](scene& s, auto in) {
        return std::move(in) | weir::buffer(1, weir::overflow::drop_oldest, takes_dropped(s));
    });
    table.add("buffer, drop_newest", [](scene& s, auto in) {
        return std::move(in) | weir::buffer(1, weir::overflow::drop_newest, takes_dropped(s));
    });
    table.add("buffer, error", [](scene&, auto in) { return std::move(in) | weir::buffer(1, weir::overflow::error); });
    table.add("share", [](scene&, auto in) { return (std::move(in) | weir::share({.capacity = 2})).subscribe(); });
    table.add("replay", [](scene&, auto in) { return (std::move(in) | weir::replay(2, {.capacity = 2})).subscribe(); });
    table.add("sessions",
              [](scene& s, auto in) { return std::move(in) | weir::sessions(tick, 2) | items_of_chunk(s); });
    table.add("keep_alive", [half_tick](scene& s, auto in) {
        return std::move(in) |
               weir::keep_alive(half_tick,
                                [&s] {
                                    s.called();
                                    return s.still_here(item{s, 0});
                                }) |
               weir::take(6);
    });
    table.add("valve", [](scene&, auto in) { return std::move(in) | weir::valve(weir::state{true}); });
    table.add("kill_switch",
              [](scene&, auto in) { return std::move(in) | weir::kill_switch(weir::state{weir::kill::none}); });
    table.add("conflate_with", [](scene& s, auto in) {
        return std::move(in) | weir::conflate_with([&s](item left, item right) {
                   s.called();
                   return item{s, s.still_here(left).value() + right.value()};
               });
    });
    table.add("latest_per_key_frames", [](scene& s, auto in) {
        return std::move(in) |
               weir::latest_per_key_frames(
                   2,
                   [&s](const item& x) {
                       s.called();
                       return s.still_here(x).value() % 2;
                   },
                   takes_dropped(s)) |
               weir::map_concat([](std::vector<item> frame) { return frame; });
    });
    table.add("latest_per_key", [](scene& s, auto in) {
        return std::move(in) | weir::latest_per_key(
                                   2,
                                   [&s](const item& x) {
                                       s.called();
                                       return s.still_here(x).value() / 3;
                                   },
                                   takes_dropped(s));
    });
    table.add("also_to", [](scene& s, auto in) { return std::move(in) | weir::also_to(weir::for_each(looks(s))); });
    table.add("also_to a sink that waits", [](scene& s, auto in) {
        return std::move(in) | weir::also_to(weir::map_async(1, makes_task(s, true)) | weir::drain());
    });
    const auto is_odd = [](scene& s) {
        return [&s](const item& x) {
            s.called();
            return s.still_here(x).value() % 2 != 0;
        };
    };
    table.add("divert_to a sink that waits", [is_odd](scene& s, auto in) {
        auto slow = weir::map_async(1, makes_task(s, true)) | weir::drain();
        return std::move(in) | weir::divert_to(std::move(slow), is_odd(s), takes_dropped(s));
    });
    const auto weighs = [](scene& s) {
        return [&s](const item& x) {
            s.called();
            return s.still_here(x).value() % 2 + 1;
        };
    };
    table.add("buffer_weighted",
              [weighs](scene& s, auto in) { return std::move(in) | weir::buffer_weighted(3, weighs(s)); });
    table.add("chunk_weighted", [weighs](scene& s, auto in) {
        return std::move(in) | weir::chunk_weighted(3, weighs(s), tick) | items_of_chunk(s);
    });
    table.add(
        "wire_tap",
        [](scene& s, auto in) {
            auto slow = weir::map_async(1, makes_task(s, true)) | weir::drain();
            return std::move(in) | weir::wire_tap(std::move(slow), {.capacity = 1});
        },
        false);
    table.add("batch_while_busy",
              [](scene& s, auto in) { return std::move(in) | weir::batch_while_busy(2) | items_of_chunk(s); });
    table.add("chunk", [](scene& s, auto in) { return std::move(in) | weir::chunk(3) | items_of_chunk(s); });
    table.add("chunk with a time",
              [](scene& s, auto in) { return std::move(in) | weir::chunk(3, tick) | items_of_chunk(s); });
    table.add(
        "chunk with a signal",
        [](scene& s, auto in) { return std::move(in) | weir::chunk(3, waiting_generator(s)) | items_of_chunk(s); },
        false);
    table.add("chunk_by", [](scene& s, auto in) {
        return std::move(in) | weir::chunk_by([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() / 2;
               }) |
               items_of_chunk(s);
    });
    table.add("chunk_by a pair", [](scene& s, auto in) {
        return std::move(in) | weir::chunk_by([&s](const item& left, const item& right) {
                   s.called();
                   return s.still_here(left).value() / 2 == right.value() / 2;
               }) |
               items_of_chunk(s);
    });
    table.add("split_when", [](scene& s, auto in) {
        return std::move(in) | weir::split_when([&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() % 2 == 0;
               }) |
               items_of_chunk(s);
    });
    table.add("sliding", [](scene& s, auto in) { return std::move(in) | weir::sliding(3, 2) | items_of_chunk(s); });
    table.add("sliding with gaps",
              [](scene& s, auto in) { return std::move(in) | weir::sliding(1, 2) | items_of_chunk(s); });
    const auto reads_two = [](scene& s) {
        return [&s](auto window) -> weir::task<item> {
            const local here{s};
            s.called();
            item first = *co_await weir::next(window);
            s.called();
            co_await weir::next(window);
            s.called();
            co_return s.still_here(std::move(first));
        };
    };
    table.add("window", [reads_two](scene& s, auto in) {
        return std::move(in) | weir::window(3, reads_two(s), takes_dropped(s));
    });
    table.add("window of a time", [reads_two](scene& s, auto in) {
        return std::move(in) | weir::window(2 * tick, reads_two(s), takes_dropped(s));
    });
    table.add(
        "window with a signal",
        [reads_two](scene& s, auto in) {
            return std::move(in) | weir::window(waiting_generator(s), reads_two(s), takes_dropped(s));
        },
        false);
    table.add("debounce", [half_tick](scene& s, auto in) {
        return std::move(in) | weir::debounce(half_tick, {}, takes_dropped(s));
    });
    table.add("debounce with a limit", [](scene& s, auto in) {
        return std::move(in) | weir::debounce(2 * tick, {.max_wait = 3 * tick}, takes_dropped(s));
    });
    table.add("event_windows", [](scene& s, auto in) {
        return std::move(in) |
               weir::event_windows(
                   weir::tumbling_windows{2 * tick}, {},
                   [&s](const item& x) {
                       s.called();
                       return std::chrono::sys_time<weir::duration>{s.still_here(x).value() * tick};
                   },
                   [&s](const item& x) {
                       s.called();
                       return s.still_here(x).value() % 2;
                   },
                   takes_dropped(s)) |
               weir::map_concat([](auto window) { return std::move(window.items); });
    });
    table.add("delay", [](scene&, auto in) { return std::move(in) | weir::delay(tick, 2); });
    const auto lasts = [half_tick](scene& s) {
        return [&s, half_tick](const item& x) {
            s.called();
            return s.still_here(x).value() % 2 * half_tick;
        };
    };
    table.add(
        "delay by a function", [lasts](scene& s, auto in) { return std::move(in) | weir::delay(lasts(s), 2); }, false);
    table.add("debounce by a function",
              [lasts](scene& s, auto in) { return std::move(in) | weir::debounce(lasts(s), {}, takes_dropped(s)); });
    table.add("throttle by a function", [lasts](scene& s, auto in) {
        return std::move(in) | weir::throttle(lasts(s), weir::edge::both, takes_dropped(s));
    });
    table.add("expire",
              [half_tick](scene& s, auto in) { return std::move(in) | weir::expire(half_tick, 1, takes_dropped(s)); });
    table.add("consumer_timeout", [](scene&, auto in) { return std::move(in) | weir::consumer_timeout(long_time); });
    table.add("consumer_timeout that comes",
              [half_tick](scene&, auto in) { return std::move(in) | weir::consumer_timeout(half_tick); });
    table.add(
        "concurrently", [](scene& s, auto in) { return std::move(in) | weir::concurrently(waiting_task(s, 2)); },
        false);
    table.add("pace", [](scene& s, auto in) {
        return std::move(in) | weir::pace(weir::rate{1000}, 1, [&s](const item& x) {
                   s.called();
                   return s.still_here(x).value() % 2 + 1;
               });
    });
    table.add("pace by a limiter of others", [](scene& s, auto in) {
        return std::move(in) | weir::pace(s.template keep<weir::rate_limiter>(weir::rate{1000}));
    });
    table.add("sample", [](scene& s, auto in) { return std::move(in) | weir::sample(tick, takes_dropped(s)); });
    table.add(
        "sample with a signal",
        [](scene& s, auto in) { return std::move(in) | weir::sample(waiting_generator(s), takes_dropped(s)); }, false);
    table.add("throttle", [](scene& s, auto in) {
        return std::move(in) | weir::throttle(tick, weir::edge::both, takes_dropped(s));
    });
    table.add("throttle, trailing", [](scene& s, auto in) {
        return std::move(in) | weir::throttle(tick, weir::edge::trailing, takes_dropped(s));
    });
    table.add("timeout", [](scene&, auto in) { return std::move(in) | weir::timeout(long_time); });
    table.add("timeout that comes", [half_tick](scene&, auto in) { return std::move(in) | weir::timeout(half_tick); });
    table.add("timeout with another stream", [half_tick](scene& s, auto in) {
        return std::move(in) | weir::timeout(half_tick, [&s] {
                   s.called();
                   return waiting_generator(s.still_here(s));
               });
    });
    table.add("take_until a time",
              [](scene&, auto in) { return std::move(in) | weir::take_until(weir::sleep_for(2 * tick)); });
    table.add("take_until a task",
              [](scene& s, auto in) { return std::move(in) | weir::take_until(waiting_task(s, 1)); });
    table.add("take_until a generator",
              [](scene& s, auto in) { return std::move(in) | weir::take_until(waiting_generator(s)); });
    table.add("take_until what never comes",
              [](scene& s, auto in) { return std::move(in) | weir::take_until(relay(s, weir::never<item>())); });
    return table;
}

} // namespace

TEST_SUITE("dropping/timed") {
    TEST_CASE("an operator with a driver or a timer may be dropped by code above and below it") {
        const auto failures = drop_from_within(behind_sources(timed().stages));
        CHECK(failures.all() == "");
    }

    TEST_CASE("an operator with a driver or a timer may be dropped in one piece with its source and its sink") {
        const auto failures = drop_from_within(timed().fused);
        CHECK(failures.all() == "");
    }

    TEST_CASE("an operator with a driver or a timer loses nothing when it drops its spawner and lives on") {
        CHECK(outlive_the_spawner(behind_sources(timed().stages)) == "");
        CHECK(outlive_the_spawner(timed().fused) == "");
    }

    TEST_CASE("an operator with a driver or a timer is destroyed when a drop from outside returns") {
        CHECK(drop_from_outside(behind_sources(timed().stages)) == "");
        CHECK(drop_from_outside(timed().fused) == "");
    }

    TEST_CASE("an operator with a driver or a timer is destroyed before its end or error is seen") {
        CHECK(keep_after_the_end(behind_sources(timed().stages)) == "");
        CHECK(keep_after_the_end(timed().fused) == "");
    }
}
