// SPDX-License-Identifier: MIT
#include <weir/operators/event_windows.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>

#include <weir/core/limit_exceeded.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::event_window_options;
using weir::event_windows;
using weir::session_windows;
using weir::sliding_windows;
using weir::tumbling_windows;

namespace {

using sys_ms = std::chrono::sys_time<std::chrono::milliseconds>;
using sys_ns = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The time of a letter: a is 0 ms.
constexpr auto letter_time = [](char c) { return sys_ms{(c - 'a') * 1ms}; };
/// The items of a window, with a mark when items may be missing.
constexpr auto items_of = weir::map([](auto window) {
    if (!window.complete) window.items.push_back('!');
    return std::move(window.items);
});

template <class Kind>
auto letters(Kind kind, event_window_options options = {}) {
    return event_windows(kind, options, letter_time) | items_of;
}

struct event {
    int at; // ms
    int key;
    int number;
};

/// A window, comparable: end, start, key, and the numbers of its events in order.
using row = std::tuple<weir::duration, weir::duration, int, std::vector<int>>;

template <class Rows>
std::vector<row> sorted(Rows rows) {
    std::vector<row> all(rows.begin(), rows.end());
    for (auto& one : all) std::ranges::sort(std::get<3>(one));
    std::ranges::sort(all);
    return all;
}

std::vector<row> batch_of_fixed(const std::vector<event>& events, int size, int step) {
    std::map<std::tuple<int, int>, std::vector<int>> windows; // by start and key
    for (const event& e : events) {
        for (int start = -40 * step; start <= e.at; start += step) {
            if (e.at < start + size) windows[{start, e.key}].push_back(e.number);
        }
    }
    std::vector<row> rows;
    for (const auto& [of, items] : windows) {
        const auto [start, key] = of;
        rows.emplace_back((start + size) * 1ms, start * 1ms, key, items);
    }
    return sorted(rows);
}

std::vector<row> batch_of_sessions(std::vector<event> events, int gap) {
    std::ranges::sort(events, {}, [](const event& e) { return std::tuple(e.key, e.at, e.number); });
    std::vector<row> rows;
    for (std::size_t i = 0; i != events.size(); ++i) {
        const event& e = events[i];
        if (i == 0 || events[i - 1].key != e.key || e.at - events[i - 1].at >= gap) {
            rows.emplace_back(0ms, e.at * 1ms, e.key, std::vector<int>{});
        }
        std::get<0>(rows.back()) = (e.at + gap) * 1ms;
        std::get<3>(rows.back()).push_back(e.number);
    }
    return sorted(rows);
}

/// What event_windows makes of events in this order.
template <class Kind>
std::vector<row> windows_of(const std::vector<event>& events, Kind kind, event_window_options options, int& late) {
    virtual_executor ex;
    std::vector<row> rows;
    const auto windows = ex.run(weir::from_range(events) |
                                event_windows(
                                    kind, options, [](const event& e) { return sys_ms{e.at * 1ms}; }, &event::key,
                                    [&](const event&) { ++late; }) |
                                weir::to<std::vector>());
    for (const auto& window : windows) {
        CHECK(window.complete);
        CHECK_FALSE(window.items.empty());
        std::vector<int> items;
        for (const event& e : window.items) {
            items.push_back(e.number);
            CHECK(e.key == window.key);
            CHECK(sys_ns{e.at * 1ms} >= window.start);
            CHECK(sys_ns{e.at * 1ms} < window.end);
        }
        rows.emplace_back(window.end.time_since_epoch(), window.start.time_since_epoch(), window.key, items);
    }
    CHECK(
        std::ranges::is_sorted(rows, {}, [](const row& one) { return std::pair(std::get<0>(one), std::get<1>(one)); }));
    return sorted(rows);
}

} // namespace

TEST_SUITE("operators/event_windows") {
    TEST_CASE("event_windows emits a tumbling window when the watermark reaches its end, and the rest at the end") {
        marbles m;
        CHECK(m.play(m.hot("ab-d-ef-j|") | letters(tumbling_windows{4ms})) == "-----(abd)--(ef)[(j)|]");
        CHECK(m.play(m.hot("ad-c-g-h-ik|") | letters(tumbling_windows{4ms}, {.lateness = 3ms})) ==
              "-------(adc)---[(gh)(ik)|]");
        CHECK(m.play(m.hot("--|") | letters(tumbling_windows{4ms})) == "--|");
        CHECK(m.play(m.hot("a-|") | letters(tumbling_windows{4ms})) == "--[(a)|]");
        CHECK(m.play(m.hot("az...") | letters(tumbling_windows{4ms})) == "-(a)...");
        CHECK(m.play(m.hot("a-c-d|") | letters(tumbling_windows{4ms, 1ms})) == "--(a)--[(cd)|]");
        CHECK(m.play(m.hot("a-c-d|") | letters(tumbling_windows{4ms, -3ms})) == "--(a)--[(cd)|]");
    }

    TEST_CASE("event_windows emits windows that are over at once in the order of their ends, one per demand") {
        marbles m;
        CHECK(m.play(m.hot("kfaz-|") | letters(tumbling_windows{4ms}, {.lateness = 11ms})) == "---[(a)(f)(k)]-[(z)|]");
        CHECK(support::seen_when_busy(m, 3, m.hot("kfaz-|") | letters(tumbling_windows{4ms}, {.lateness = 11ms})) ==
              "(a)(f)(k)(z)|");
        CHECK(m.play(m.hot("kfaz-|") | letters(tumbling_windows{4ms}, {.lateness = 11ms}) | weir::take(2)) ==
              "---[(a)(f)|]");
    }

    TEST_CASE("event_windows: an item is in all sliding windows that contain it") {
        marbles m;
        CHECK(m.play(m.hot("ac-e|") | letters(sliding_windows{4ms, 2ms})) == "-(a)-(ac)[(ce)(e)|]");
        CHECK(m.play(m.hot("ac-e|") | letters(sliding_windows{4ms, 4ms})) == "---(ac)[(e)|]");
    }

    TEST_CASE("event_windows: sessions end after a gap, and an item between two open sessions joins them") {
        marbles m;
        CHECK(m.play(m.hot("ab-e-f|") | letters(session_windows{3ms})) == "---(ab)--[(ef)|]");
        CHECK(m.play(m.hot("ad|") | letters(session_windows{3ms})) == "-(a)[(d)|]");
        CHECK(m.play(m.hot("ad|") | letters(session_windows{4ms})) == "--[(ad)|]");
        CHECK(m.play(m.hot("aec-|") | letters(session_windows{3ms}, {.lateness = 9ms})) == "----[(ace)|]");
        CHECK(m.play(m.hot("eba-|") | letters(session_windows{3ms}, {.lateness = 9ms})) == "----[(ba)(e)|]");
        CHECK(m.play(m.hot("fgbd|") | letters(session_windows{3ms}, {.lateness = 9ms})) == "----[(bdfg)|]");
    }

    TEST_CASE("event_windows passes an item to on_late when all its windows were emitted, and only then") {
        std::string late;
        const auto note = [&](char c) { late += c; };
        const auto play = [&](const char* diagram, auto kind, weir::duration lateness) {
            late.clear();
            marbles m;
            return m.play(
                m.hot(diagram) |
                event_windows(kind, {.lateness = lateness}, letter_time, [](char) { return 1; }, note) | items_of);
        };
        CHECK(play("a-e-bd-f|", tumbling_windows{4ms}, 0ms) == "--(a)-----[(ef)|]");
        CHECK(late == "bd");
        CHECK(play("a-e-b-f-d|", tumbling_windows{4ms}, 1ms) == "------(ab)--[(ef)|]");
        CHECK(late == "d");
        CHECK(play("a-e-d|", sliding_windows{4ms, 2ms}, 0ms) == "--[(a)(a)]--[(ed)(e)|]");
        CHECK(late == "");
        CHECK(play("a-i-d|", sliding_windows{4ms, 2ms}, 0ms) == "--[(a)(a)]--[(i)(i)|]");
        CHECK(late == "d");
        CHECK(play("a-g-b-f|", session_windows{3ms}, 0ms) == "--(a)----[(gf)|]");
        CHECK(late == "b");
        CHECK(play("a-g-fd|", session_windows{3ms}, 0ms) == "--(a)---[(gfd)|]"); // joins an open session
        CHECK(late == "");
    }

    TEST_CASE("event_windows: the windows that are open come before an error, and are marked") {
        marbles m;
        CHECK(m.play(m.hot("ab-ef#") | letters(tumbling_windows{4ms})) == "---(ab)-[(ef!)#]");
        CHECK(m.play(m.hot("#") | letters(tumbling_windows{4ms})) == "#");
        const auto fails = [](char c) { return c == 'f' ? throw std::runtime_error{"no"} : letter_time(c); };
        CHECK(m.play(m.hot("ab-ef|") | event_windows(tumbling_windows{4ms}, {}, fails) | items_of) == "---(ab)[(e!)#]");
        const auto no_key = [](char c) { return c == 'f' ? throw std::runtime_error{"no"} : 1; };
        CHECK(m.play(m.hot("ab-ef|") | event_windows(tumbling_windows{4ms}, {}, letter_time, no_key) | items_of) ==
              "---(ab)[(e!)#]");
    }

    TEST_CASE("event_windows fails with limit_exceeded when too many windows or items are held") {
        virtual_executor ex;
        const auto at = [](int x) { return sys_ms{x * 1ms}; };
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0) |
                                    event_windows(tumbling_windows{1ms}, {.lateness = 1s, .max_windows = 10}, at) |
                                    weir::drain()),
                             "weir::event_windows: more than 10 windows are open", weir::limit_exceeded);
        CHECK_THROWS_WITH_AS(
            ex.run(weir::iota(0) | event_windows(tumbling_windows{1h}, {.max_items = 10}, at) | weir::drain()),
            "weir::event_windows: more than 10 items are held", weir::limit_exceeded);
        const auto held = [&](int n) {
            return ex
                .run(weir::iota(0, n) | event_windows(tumbling_windows{1ms}, {.max_windows = 2, .max_items = 2}, at) |
                     weir::to<std::vector>())
                .size();
        };
        CHECK(held(1000) == 1000); // windows that were emitted do not count
    }

    TEST_CASE("event_windows emits what a sorted batch computation emits, in 1000 random orders of arrival") {
        std::mt19937 random{2024};
        for (int round = 0; round != 1000; ++round) {
            const int lateness = static_cast<int>(random() % 12);
            std::vector<std::pair<int, event>> arrivals; // by time with a delay of up to lateness
            for (int i = 0; i != 30; ++i) {
                const int at = static_cast<int>(random() % 60) - 20;
                arrivals.emplace_back(at + static_cast<int>(random() % static_cast<unsigned>(lateness + 1)),
                                      event{at, static_cast<int>(random() % 3), i});
            }
            std::ranges::shuffle(arrivals, random);
            std::ranges::sort(arrivals, {}, [](const auto& one) { return one.first; });
            std::vector<event> events;
            for (const auto& one : arrivals) events.push_back(one.second);
            int late = 0;
            const event_window_options options{.lateness = lateness * 1ms};
            const int step = 1 + static_cast<int>(random() % 5);
            const int size = step + static_cast<int>(random() % 9);
            CHECK(windows_of(events, tumbling_windows{size * 1ms}, options, late) ==
                  batch_of_fixed(events, size, size));
            CHECK(windows_of(events, sliding_windows{size * 1ms, step * 1ms}, options, late) ==
                  batch_of_fixed(events, size, step));
            CHECK(windows_of(events, session_windows{size * 1ms}, options, late) == batch_of_sessions(events, size));
            CHECK(late == 0);
        }
    }

    TEST_CASE("event_windows: each item is in a tumbling or session window or late, for any order of arrival") {
        std::mt19937 random{7};
        for (int round = 0; round != 300; ++round) {
            std::vector<event> events;
            for (int i = 0; i != 40; ++i) {
                events.push_back({static_cast<int>(random() % 50), static_cast<int>(random() % 2), i});
            }
            for (const bool sessions : {false, true}) {
                int late = 0;
                const auto rows = sessions ? windows_of(events, session_windows{3ms}, {.lateness = 5ms}, late)
                                           : windows_of(events, tumbling_windows{4ms}, {.lateness = 5ms}, late);
                std::set<int> seen;
                for (const row& one : rows) {
                    for (const int number : std::get<3>(one)) CHECK(seen.insert(number).second);
                }
                CHECK(seen.size() + static_cast<std::size_t>(late) == events.size());
            }
        }
    }

    TEST_CASE("event_windows asks upstream for nothing ahead, and accepts move-only items and member pointers") {
        virtual_executor ex;
        probe<char> source;
        probe_sink sink{ex, source.stream() | letters(tumbling_windows{4ms})};
        for (const char c : {'a', 'f', 'g', 'm'}) source.push(c);
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 2);
        struct request {
            sys_ms time;
            std::string path;
            std::unique_ptr<int> body{};
        };
        const auto windows =
            ex.run(weir::just(request{sys_ms{1ms}, "/a"}, request{sys_ms{2ms}, "/b"}, request{sys_ms{3ms}, "/a"}) |
                   event_windows(tumbling_windows{1s}, {}, &request::time, &request::path) | weir::to<std::vector>());
        REQUIRE(windows.size() == 2);
        CHECK(windows[0].key == "/a");
        CHECK(windows[0].items.size() == 2);
        CHECK(windows[1].key == "/b");
    }

    TEST_CASE("event_windows may be dropped by its functions and by upstream, and calls none after that") {
        support::drop_from_within([](auto s) {
            return std::move(s) | event_windows(tumbling_windows{1s}, {}, [](int x) { return sys_ms{x * 1ms}; });
        });
        for (const int at : {1, 2, 3, 4, 5}) {
            virtual_executor ex;
            std::function<void()> drop_all;
            int calls = 0;
            const auto called = [&] {
                if (++calls == at) drop_all();
            };
            probe<int> source;
            probe_sink sink{ex, source.stream() | event_windows(
                                                      tumbling_windows{1ms}, {},
                                                      [&](int x) {
                                                          called();
                                                          return sys_ms{x * 1ms};
                                                      },
                                                      [&](int) {
                                                          called();
                                                          return 1;
                                                      },
                                                      [&](int) { called(); })};
            drop_all = [&] { sink.drop(); };
            sink.request();
            for (const int x : {5, 1, 6}) source.push(x); // 1 is not late before 6: the watermark is 5
            ex.run_ready();
            CHECK(calls == at);
        }
    }

    TEST_CASE("event_windows keeps the contract of a stream, and allocates per window and not per item") {
        const auto at = [](int x) { return sys_ms{x * 1ms}; };
        CHECK(check_contract([at] { return event_windows(tumbling_windows{1h}, {}, at); }) == "");
        CHECK(support::allocations_for_more_items([at](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map([](int) { return 0; }) |
                         event_windows(tumbling_windows{1ms}, {}, at) | weir::drain());
              }) < 20);
    }

    TEST_CASE("event_windows fails at a time that nanoseconds cannot count, after the windows that are open") {
        using seconds = std::chrono::sys_seconds;
        static constexpr seconds year_2000{946'684'800s};
        static constexpr seconds year_9999{253'370'764'800s};
        const auto outcome = [](auto kind, auto time, weir::duration lateness = 0s) -> std::string {
            virtual_executor ex;
            std::size_t windows = 0;
            const auto at = [](decltype(time) t) { return t; };
            try {
                ex.run(weir::just(decltype(time){year_2000}, time) | event_windows(kind, {.lateness = lateness}, at) |
                       weir::for_each([&](const auto&) { ++windows; }));
            } catch (const std::out_of_range& e) {
                return std::to_string(windows) + " " + e.what();
            }
            return std::to_string(windows);
        };
        const std::string refused = "1 weir::event_windows: the time of an item is too far from the epoch: "
                                    "nanoseconds count 292 years, and the windows and the lateness take a part of them";
        CHECK(outcome(tumbling_windows{1s}, year_9999) == refused);
        CHECK(outcome(sliding_windows{1s, 1s}, year_9999) == refused);
        CHECK(outcome(session_windows{1s}, year_9999) == refused);
        CHECK(outcome(tumbling_windows{1s}, seconds::min()) == refused);
        CHECK(outcome(session_windows{1s}, sys_ns::max()) == refused);
        CHECK(outcome(session_windows{1s}, sys_ns::min(), 1s) == refused);
        CHECK(outcome(session_windows{1s}, sys_ns::max() - 1s) == "2");
        CHECK(outcome(tumbling_windows{1s, 5s}, sys_ns::min() + 6s) == "1"); // late
        CHECK(outcome(tumbling_windows{weir::duration::max()}, sys_ns{1ns}).starts_with("0 weir::event_windows: "));
    }

    TEST_CASE("event_windows rejects arguments that make no sense") {
        CHECK_THROWS_WITH_AS(tumbling_windows{0ms}, "weir::tumbling_windows{size}: size must be more than zero",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS((sliding_windows{1ms, 0ms}),
                             "weir::sliding_windows{size, step}: step must be more than zero", std::invalid_argument);
        CHECK_THROWS_AS((sliding_windows{1ms, 2ms}), std::invalid_argument);
        CHECK_THROWS_WITH_AS((sliding_windows{1h, 1ns}),
                             "weir::sliding_windows{size, step}: an item would be in more than 1000000 windows",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(session_windows{-1ms}, "weir::session_windows{gap}: gap must be more than zero",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(letters(tumbling_windows{1ms}, {.lateness = -1ms}),
                             "weir::event_windows({.lateness}): lateness is negative", std::invalid_argument);
        CHECK_THROWS_AS(letters(tumbling_windows{1ms}, {.max_windows = 0}), std::invalid_argument);
        CHECK_THROWS_AS(letters(tumbling_windows{1ms}, {.max_items = 0}), std::invalid_argument);
    }
}
