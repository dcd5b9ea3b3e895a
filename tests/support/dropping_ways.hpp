// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <source_location>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <dropping.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/interop/with_stop.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/scope/async_finally.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/once.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Where a pipeline is awaited, and how it is dropped.
namespace support::dropping {

using maker = std::function<any_operation()>;

inline constexpr std::chrono::milliseconds tick{1};
inline constexpr std::chrono::hours long_time{1};

inline weir::task<> awaits(scene& s, any_operation operation) {
    const local here{s};
    s.called();
    co_await operation;
    s.called();
}

inline weir::task<item> gives_item(scene& s, any_operation operation) {
    const local here{s};
    item result{s, 0};
    co_await operation;
    s.called();
    co_return result;
}

inline weir::task<> awaits_deeply(scene& s, any_operation operation) {
    const local here{s};
    weir::task<item> inner = gives_item(s, std::move(operation));
    const item result = co_await inner;
    s.called();
}

inline weir::task<> awaits_in_group(scene& s, any_operation operation) {
    const local here{s};
    weir::task_group group;
    group.spawn(std::move(operation));
    group.spawn(weir::sleep_for(2 * tick));
    co_await group.join();
    s.called();
}

inline weir::task<> awaits_with_group(scene& s, any_operation operation) {
    const local here{s};
    auto body = [&s, &operation](weir::task_group& group) -> weir::task<> {
        const local in_body{s};
        group.spawn(std::move(operation));
        group.spawn(weir::sleep_for(2 * tick));
        co_await weir::sleep_for(tick);
        s.called();
    };
    auto scope = weir::with_group(body);
    co_await scope;
    s.called();
}

inline weir::task<> awaits_guarded(scene& s, any_operation operation) {
    const weir::async_finally at_exit{long_time, [&s] {
                                          s.ended();
                                          return weir::yield();
                                      }};
    const local here{s};
    co_await operation;
    s.called();
}

struct place {
    const char* name;
    any_operation (*around)(scene& s, const maker& make);
    bool cleans_up = false; ///< something goes on when it is over
    bool steady = true;     ///< what happens does not depend on what comes first
};

inline constexpr place places[] = {
    {"by itself", [](scene&, const maker& make) { return make(); }},
    {"in a task", [](scene& s, const maker& make) { return any_operation{awaits(s, make())}; }},
    {"in a task in a task", [](scene& s, const maker& make) { return any_operation{awaits_deeply(s, make())}; }},
    {"in when_any",
     [](scene&, const maker& make) { return any_operation{weir::when_any(make(), weir::sleep_for(long_time))}; }},
    {"in when_any, as the loser",
     [](scene&, const maker& make) { return any_operation{weir::when_any(weir::sleep_for(2 * tick), make())}; }, false,
     false},
    {"in when_all",
     [](scene&, const maker& make) { return any_operation{weir::when_all(weir::sleep_for(2 * tick), make())}; }},
    {"twice in when_all", [](scene&, const maker& make) { return any_operation{weir::when_all(make(), make())}; }},
    {"in when_all_settled",
     [](scene&, const maker& make) { return any_operation{weir::when_all_settled(make(), make())}; }},
    {"in with_timeout", [](scene&, const maker& make) { return any_operation{weir::with_timeout(long_time, make())}; }},
    {"in with_timeout, which expires",
     [](scene&, const maker& make) { return any_operation{weir::with_timeout(2 * tick, make())}; }, false, false},
    {"below buffer",
     [](scene&, const maker& make) { return any_operation{weir::once(make()) | weir::buffer(2) | weir::drain()}; }},
    {"below merge",
     [](scene&, const maker& make) {
         return any_operation{weir::merge(weir::once(make()), weir::once(make())) | weir::drain()};
     },
     false, false},
    {"below timeout and take_until",
     [](scene&, const maker& make) {
         return any_operation{weir::once(make()) | weir::timeout(long_time) |
                              weir::take_until(weir::sleep_for(2 * tick)) | weir::drain()};
     },
     false, false},
    {"in map_async",
     [](scene& s, const maker& make) {
         auto one = [&s, make](int) {
             s.called();
             return make();
         };
         return any_operation{weir::iota(0, 3) | weir::map_async(2, one) | weir::drain()};
     }},
    {"in flat_map",
     [](scene& s, const maker& make) {
         auto one = [&s, make](int) {
             s.called();
             return weir::once(make());
         };
         return any_operation{weir::iota(0, 3) | weir::flat_map(2, one) | weir::drain()};
     }},
    {"in switch_map",
     [](scene& s, const maker& make) {
         auto one = [&s, make](int) {
             s.called();
             return weir::once(make());
         };
         return any_operation{weir::iota(0, 2) | weir::switch_map(one) | weir::drain()};
     },
     false, false},
    {"in retry",
     [](scene& s, const maker& make) {
         auto one = [&s, make] {
             s.called();
             return make();
         };
         return any_operation{weir::retry(one, {.attempts = 2, .delay = tick})};
     }},
    {"in hedge",
     [](scene& s, const maker& make) {
         auto one = [&s, make] {
             s.called();
             return make();
         };
         return any_operation{weir::hedge(one, tick)};
     },
     false, false},
    {"in a group", [](scene& s, const maker& make) { return any_operation{awaits_in_group(s, make())}; }},
    {"in with_group", [](scene& s, const maker& make) { return any_operation{awaits_with_group(s, make())}; }},
    {"in a guarded scope", [](scene& s, const maker& make) { return any_operation{awaits_guarded(s, make())}; }, true},
};

/// One run of a pipeline, and all by which it may be dropped.
struct world {
    scene s{};
    weir::testing::virtual_executor ex{};
    std::optional<weir::join_handle<any_operation>> operation{};
    std::optional<weir::join_handle<weir::task<>>> task{};
    std::optional<weir::task_group> group{};
    std::stop_source stop{};
    std::optional<weir::event> over{};
};

enum class takes_effect {
    at_once, ///< nothing of the pipeline is called after the drop
    later,   ///< the drop is asked for; it comes when the pipeline waits
};

struct way {
    const char* name;
    takes_effect when;
    /// Starts an operation, and gives what drops it.
    std::function<void()> (*start)(world& w, any_operation operation);
};

inline constexpr way ways[] = {
    {"join_handle of a pipeline", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.operation.emplace(w.ex.spawn(std::move(operation)));
         return [&w] { w.operation.reset(); };
     }},
    {"join_handle of a task", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.task.emplace(w.ex.spawn(awaits(w.s, std::move(operation))));
         return [&w] { w.task.reset(); };
     }},
    {"cancel of a group of pipelines", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.group.emplace(w.ex);
         w.group->spawn(std::move(operation));
         return [&w] { w.group->cancel(); };
     }},
    {"cancel of a group of tasks", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.group.emplace(w.ex);
         w.group->spawn(awaits(w.s, std::move(operation)));
         w.group->spawn(gives_item(w.s, any_operation{weir::sleep_for(2 * tick)}));
         return [&w] { w.group->cancel(); };
     }},
    {"the end of its group", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.group.emplace(w.ex);
         w.group->spawn(gives_item(w.s, std::move(operation)));
         return [&w] { w.group.reset(); };
     }},
    {"join_handle of the owner of its group", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.task.emplace(w.ex.spawn(awaits_in_group(w.s, std::move(operation))));
         return [&w] { w.task.reset(); };
     }},
    {"cancel of a group around its with_group", takes_effect::at_once,
     [](world& w, any_operation operation) -> std::function<void()> {
         w.group.emplace(w.ex);
         auto inner = any_operation{awaits_with_group(w.s, std::move(operation))};
         w.group->spawn(awaits_in_group(w.s, std::move(inner)));
         return [&w] { w.group->cancel(); };
     }},
    {"with_stop", takes_effect::later,
     [](world& w, any_operation operation) -> std::function<void()> {
         auto stoppable = any_operation{weir::with_stop(w.stop.get_token(), std::move(operation))};
         w.task.emplace(w.ex.spawn(awaits(w.s, std::move(stoppable))));
         return [&w] { w.stop.request_stop(); };
     }},
    {"take_until a token", takes_effect::later,
     [](world& w, any_operation operation) -> std::function<void()> {
         auto stoppable =
             any_operation{weir::once(std::move(operation)) | weir::take_until(w.stop.get_token()) | weir::drain()};
         w.operation.emplace(w.ex.spawn(std::move(stoppable)));
         return [&w] { w.stop.request_stop(); };
     }},
    {"the winner of when_any", takes_effect::later,
     [](world& w, any_operation operation) -> std::function<void()> {
         auto race = any_operation{weir::when_any(std::move(operation), w.over.emplace().wait())};
         w.task.emplace(w.ex.spawn(awaits(w.s, std::move(race))));
         return [&w] { w.over->set(); };
     }},
    {"the failure of a sibling", takes_effect::later,
     [](world& w, any_operation operation) -> std::function<void()> {
         auto fails = [](weir::event& when) -> weir::task<> {
             co_await when.wait();
             throw std::runtime_error{"sibling"};
         };
         w.group.emplace(w.ex);
         w.group->spawn(std::move(operation));
         w.group->spawn(fails(w.over.emplace()));
         return [&w] { w.over->set(); };
     }},
};

/// What a run came to: how many events there were, and what went wrong.
struct outcome {
    std::size_t events = 0;
    std::string failures{};
    bool calls_after = false; ///< a callable was called, or a source asked, after the drop
};

inline constexpr auto never = static_cast<std::size_t>(-1);

/// Runs a pipeline and drops it at event number n, counted from zero; or never.
inline outcome play(const pipeline& what, const place& where, const way& how, std::size_t n) {
    outcome result;
    const auto expect = [&result](bool holds, const char* otherwise) {
        if (!holds) result.failures += std::string{otherwise} + "; ";
    };
    world w;
    w.ex.on_error([](std::exception_ptr, std::source_location) {}); // of the group
    bool dropped = false;
    const std::function<void()> drop = how.start(w, where.around(w.s, [&] { return what.make(w.s); }));
    w.s.drop_at(n, [&] {
        drop();
        dropped = true;
        if (how.when == takes_effect::at_once) w.s.forbid_calls();
    });
    for (int i = 0; i != 100; ++i) {
        w.ex.advance(i == 0 ? weir::duration::zero() : weir::duration{tick});
        if (!dropped || how.when != takes_effect::at_once) continue;
        expect(w.s.live == 0, "an item or a local variable is left when the drop has left the stack");
        break;
    }
    w.operation.reset();
    w.task.reset();
    w.group.reset();
    w.ex.advance(2 * tick); // cleanups
    expect(w.s.live == 0, "an item or a local variable is left");
    expect(w.ex.stats().timers_armed == 0, "a timer is left");
    w.ex.advance(10 * tick);
    result.calls_after = dropped && w.s.strays() != 0;
    result.events = w.s.events();
    return result;
}

/// Spawns an operation, or makes it the member of a group, by a task that it may outlive.
inline weir::task<> starts_what_outlives_it(world& w, any_operation operation, bool in_group) {
    if (in_group) {
        w.group.emplace();
        w.group->spawn(std::move(operation));
    } else {
        w.operation.emplace(w.ex.spawn(std::move(operation)));
    }
    co_await weir::sleep_for(long_time);
}

/// Runs a pipeline to its end; at event number n it drops the task that spawned it, which does not own it. Nothing of
/// it is lost: as much happens as in a run that is not disturbed.
inline outcome play_outliving(const pipeline& what, const place& where, bool in_group, std::size_t n) {
    outcome result;
    world w;
    w.ex.on_error([](std::exception_ptr, std::source_location) {}); // of the group
    w.task.emplace(w.ex.spawn(starts_what_outlives_it(w, where.around(w.s, [&] { return what.make(w.s); }), in_group)));
    w.s.drop_at(n, [&] { w.task.reset(); });
    for (int i = 0; i != 100; ++i) w.ex.advance(i == 0 ? weir::duration::zero() : weir::duration{tick});
    w.task.reset();
    if (in_group ? w.group->running() != 0 : !w.operation->finished()) result.failures += "it does not end; ";
    result.events = w.s.events();
    return result;
}

/// Runs a pipeline for n ticks and drops it, from a task of its own or from outside of the executor: nothing of it is
/// on the stack. Then all of it is gone when the drop returns.
inline outcome play_from_outside(const pipeline& what, const place& where, const way& how, int ticks, bool by_a_task) {
    outcome result;
    const auto expect = [&result](bool holds, const char* otherwise) {
        if (!holds) result.failures += std::string{otherwise} + "; ";
    };
    world w;
    w.ex.on_error([](std::exception_ptr, std::source_location) {}); // of the group
    const std::function<void()> drop = how.start(w, where.around(w.s, [&] { return what.make(w.s); }));
    const auto drop_and_check = [&] {
        drop();
        w.s.forbid_calls();
        expect(w.s.live == 0, "an item or a local variable is left when the drop returns");
        expect(where.cleans_up || w.ex.stats().timers_armed == 0, "a timer is left when the drop returns");
    };
    if (by_a_task) {
        const auto later = [&](weir::duration d) -> weir::task<> {
            co_await weir::sleep_for(d);
            drop_and_check();
        };
        const auto culprit = w.ex.spawn(later(ticks * tick));
        w.ex.advance((ticks + 10) * tick);
    } else {
        w.ex.advance(ticks * tick);
        drop_and_check();
        w.ex.advance(10 * tick);
    }
    expect(w.s.strays() == 0, "a callable was called, or a source asked, after the drop");
    return result;
}

/// Runs a pipeline to its end in a task that keeps it: all of it is gone when the task goes on.
inline outcome play_to_the_end(const pipeline& what, const place& where) {
    outcome result;
    const auto expect = [&result](bool holds, const char* otherwise) {
        if (!holds) result.failures += std::string{otherwise} + "; ";
    };
    world w;
    const auto keeps = [&](any_operation operation) -> weir::task<> {
        const char* how = "an item or a local variable is left when the result is there";
        try {
            co_await operation;
        } catch (const std::exception&) {
            how = "an item or a local variable is left when the error is there";
        }
        expect(w.s.live == 0, how);
        expect(where.cleans_up || w.ex.stats().timers_armed == 0, "a timer is left when it is over");
    };
    const auto task = w.ex.spawn(keeps(where.around(w.s, [&] { return what.make(w.s); })));
    w.ex.advance(100 * tick);
    expect(task.finished(), "it does not end");
    return result;
}

/// How much of all there is to try.
struct extent {
    int places = 8; ///< how many of the places where a pipeline may be awaited, each with one of the ways to drop it
    bool whole = false; ///< all places, all ways, all events
    bool each = false;  ///< every pipeline in a process of its own: to see all that crash, not the first
};

inline extent asked_extent() {
    extent asked;
    const char* text = std::getenv("WEIR_DROPPING");
    if (text == nullptr) return asked;
    asked.whole = std::string_view{text} == "whole";
    asked.each = std::string_view{text} == "each";
    if (const int n = std::atoi(text); n > 0) asked.places = n;
    return asked;
}

/// The same numbers in the same order, always.
class sampler {
public:
    explicit sampler(std::string_view seed) noexcept {
        for (const char c : seed) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    std::size_t below(std::size_t n) noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::size_t>((state_ >> 11) % n);
    }

private:
    std::uint64_t state_ = 0xcbf29ce484222325U;
};

/// Runs f in a process of its own. True if that ended well.
template <class F>
bool survives(F f) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(f() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Drops a pipeline at some events, or at all.
inline outcome drop_at_events(const pipeline& what, const place& where, const way& how, const extent& how_much) {
    const outcome undisturbed = play(what, where, how, never);
    outcome result = undisturbed;
    const auto at = [&](std::size_t n) {
        const outcome o = play(what, where, how, n);
        if (!o.failures.empty()) result.failures += "at event " + std::to_string(n) + ": " + o.failures;
        result.calls_after = result.calls_after || o.calls_after;
    };
    if (how_much.whole) {
        for (std::size_t n = 0; n != undisturbed.events; ++n) at(n);
    } else if (undisturbed.events != 0) {
        sampler some{what.name + where.name + how.name};
        for (int i = 0; i != 4; ++i) at(some.below(undisturbed.events));
    }
    return result;
}

/// Collects what fails, a line each.
class failure_list {
public:
    explicit failure_list(const extent& how_much) noexcept : how_much_{how_much} {}

    template <class Play>
    void play(const std::string& name, Play run) {
        if (how_much_.each) {
            if (!survives([&] { return run().failures.empty(); })) all_ += name + '\n';
            return;
        }
        const outcome o = run();
        if (!o.failures.empty()) all_ += name + ": " + o.failures + '\n';
        if (o.calls_after) calls_after_ += name + '\n';
    }

    const std::string& all() const noexcept { return all_; }
    /// Where something was called after a drop from within.
    const std::string& calls_after() const noexcept { return calls_after_; }

private:
    extent how_much_;
    std::string all_;
    std::string calls_after_;
};

/// Drops pipelines that wait, at some moments.
inline std::string drop_from_outside(const std::vector<pipeline>& all) {
    const extent how_much = asked_extent();
    failure_list failures{how_much};
    for (const pipeline& what : all) {
        sampler some{what.name};
        for (int n = how_much.whole ? 1000 : how_much.places / 2; n != 0; --n) {
            const place& where = places[some.below(std::size(places))];
            const way& how = ways[some.below(std::size(ways))];
            if (how.when != takes_effect::at_once) continue;
            const int ticks = static_cast<int>(some.below(6));
            const bool by_a_task = some.below(2) == 0;
            failures.play(what.name + ", " + where.name + ", by " + how.name + ", after " + std::to_string(ticks) +
                              " ticks" + (by_a_task ? ", by a task" : ""),
                          [&] { return play_from_outside(what, where, how, ticks, by_a_task); });
        }
    }
    return failures.all();
}

/// Runs pipelines that drop the task that spawned them, and live on.
inline std::string outlive_the_spawner(const std::vector<pipeline>& all) {
    const extent how_much = asked_extent();
    failure_list failures{how_much};
    const auto run = [&](const pipeline& what, const place& where, bool in_group) {
        outcome result = play_outliving(what, where, in_group, never);
        sampler some{what.name + where.name};
        for (std::size_t n = how_much.whole ? result.events : 4; n != 0; --n) {
            const std::size_t at = how_much.whole ? n - 1 : some.below(result.events);
            const outcome o = play_outliving(what, where, in_group, at);
            if (o.events != result.events)
                result.failures += "of " + std::to_string(result.events) + " events there are " +
                                   std::to_string(o.events) + " when event " + std::to_string(at) + " drops; ";
            result.failures += o.failures;
        }
        return result;
    };
    for (const pipeline& what : all) {
        sampler some{what.name};
        for (int i = 0; i != how_much.places / 2; ++i) {
            const place& where = places[some.below(std::size(places))];
            const bool in_group = some.below(2) == 0;
            if (!what.steady || !where.steady) continue;
            failures.play(what.name + ", " + where.name + (in_group ? ", in a group" : ", spawned"),
                          [&] { return run(what, where, in_group); });
        }
    }
    return failures.all();
}

/// Runs pipelines to their end.
inline std::string keep_after_the_end(const std::vector<pipeline>& all) {
    const extent how_much = asked_extent();
    failure_list failures{how_much};
    for (const pipeline& what : all) {
        for (const place& where : places) {
            if (!how_much.whole &&
                sampler{what.name + where.name}.below(30) >= static_cast<std::size_t>(how_much.places))
                continue;
            failures.play(what.name + ", " + where.name, [&] { return play_to_the_end(what, where); });
        }
    }
    return failures.all();
}

/// Drops pipelines in some ways at some places, or in all ways everywhere.
inline failure_list drop_from_within(const std::vector<pipeline>& all) {
    const extent how_much = asked_extent();
    failure_list failures{how_much};
    const auto check = [&](const pipeline& what, const place& where, const way& how) {
        failures.play(what.name + ", " + where.name + ", by " + how.name,
                      [&] { return drop_at_events(what, where, how, how_much); });
    };
    for (const pipeline& what : all) {
        if (how_much.whole) {
            for (const place& where : places) {
                for (const way& how : ways) check(what, where, how);
            }
        } else {
            sampler some{what.name};
            for (int i = 0; i != how_much.places; ++i) {
                const place& where = places[some.below(std::size(places))];
                check(what, where, ways[some.below(std::size(ways))]);
            }
        }
    }
    return failures;
}

} // namespace support::dropping
