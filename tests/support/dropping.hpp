// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

/// Pipelines whose user code may drop the operation that awaits them, at any moment at which it runs.
namespace support::dropping {

/// What the user code of a pipeline has in common: it counts what happens, and drops the pipeline when that is asked
/// for.
class scene {
public:
    scene() = default;
    scene(const scene&) = delete;
    scene& operator=(const scene&) = delete;

    /// A callable of the pipeline was called, a coroutine of it was resumed, or its source was asked for an item.
    void called() {
        if (dropped_) ++strays_;
        happened();
    }
    /// An item or a local variable died, or the pipeline called what it calls when it is dropped.
    void ended() { happened(); }
    /// Reads the callable that refers to this scene once more: sanitizers see if it has been destroyed.
    template <class T>
    T&& still_here(T&& value) const noexcept {
        return static_cast<T&&>(value);
    }

    /// Makes event number n, counted from zero, call drop.
    void drop_at(std::size_t n, std::function<void()> drop) {
        at_ = n;
        drop_ = std::move(drop);
    }
    /// From now on nothing of the pipeline is to be called.
    void forbid_calls() noexcept { dropped_ = true; }
    /// Calls this at every event instead.
    void on_event(std::function<void()> f) { on_event_ = std::move(f); }

    std::size_t events() const noexcept { return events_; }
    /// Calls that came after the pipeline was dropped.
    std::size_t strays() const noexcept { return strays_; }

    /// Items and local variables that live.
    int live = 0;

    /// Keeps an object for as long as the scene lives, and gives a reference to it.
    template <class T, class... Args>
    T& keep(Args&&... args) {
        auto object = std::make_shared<T>(std::forward<Args>(args)...);
        T& kept = *object;
        kept_.push_back(std::move(object));
        return kept;
    }

private:
    void happened() {
        if (on_event_) on_event_();
        if (events_++ != at_ || !drop_) return;
        const auto drop = std::exchange(drop_, nullptr);
        drop();
    }

    static constexpr auto never = static_cast<std::size_t>(-1);

    std::size_t events_ = 0;
    std::size_t at_ = never;
    std::size_t strays_ = 0;
    bool dropped_ = false;
    std::function<void()> drop_;
    std::function<void()> on_event_;
    std::vector<std::shared_ptr<void>> kept_;
};

/// An item that counts itself, and whose death is an event.
class item {
public:
    item(scene& s, int value) noexcept : scene_{&s}, value_{value} { ++s.live; }
    item(const item& other) noexcept : scene_{other.scene_}, value_{other.value_} { ++scene_->live; }
    item(item&& other) noexcept
        : scene_{other.scene_}, value_{other.value_}, moved_{std::exchange(other.moved_, true)} {
        ++scene_->live;
    }
    item& operator=(item other) noexcept {
        std::swap(scene_, other.scene_);
        std::swap(value_, other.value_);
        std::swap(moved_, other.moved_);
        return *this;
    }
    ~item() {
        --scene_->live;
        if (!moved_) scene_->ended();
    }

    int value() const noexcept { return value_; }
    friend bool operator==(const item& a, const item& b) noexcept { return a.value_ == b.value_; }

private:
    scene* scene_;
    int value_;
    bool moved_ = false;
};

/// A local variable of a coroutine, whose death is an event.
class local {
public:
    explicit local(scene& s) noexcept : scene_{s} { ++s.live; }
    local(const local&) = delete;
    local& operator=(const local&) = delete;
    ~local() {
        --scene_.live;
        scene_.ended();
    }

private:
    scene& scene_;
};

/// Any operation; its result is ignored.
class any_operation {
public:
    using result_type = weir::unit;

    template <class A>
        requires(!std::same_as<A, any_operation>)
    explicit any_operation(A operation) : boxed_{std::make_unique<box<A>>(std::move(operation))} {}

    weir::poll<weir::unit> poll_result(weir::context& cx) { return boxed_->poll_result(cx); }

private:
    class any_box {
    public:
        any_box() = default;
        any_box(const any_box&) = delete;
        any_box& operator=(const any_box&) = delete;
        virtual ~any_box() = default;
        virtual weir::poll<weir::unit> poll_result(weir::context& cx) = 0;
    };

    template <class A>
    class box final : public any_box {
    public:
        explicit box(A operation) : operation_{std::move(operation)} {}
        weir::poll<weir::unit> poll_result(weir::context& cx) override {
            if (operation_.poll_result(cx).is_pending()) return weir::pending;
            return weir::unit{};
        }

    private:
        A operation_;
    };

    std::unique_ptr<any_box> boxed_;
};

/// How many items a source has.
inline constexpr int items = 4;

/// A stream that is no coroutine: each poll is an event. Every second item may have to be waited for.
class plain_source {
public:
    using value_type = item;

    explicit plain_source(scene& s, bool waits = false) noexcept : scene_{&s}, waits_{waits} {}

    weir::poll<item> poll_next(weir::context& cx) {
        scene_->called();
        if (next_ == items) return weir::done;
        if (waits_ && std::exchange(wait_, !wait_)) return cx.yield();
        return item{*scene_, next_++};
    }

private:
    scene* scene_;
    int next_ = 0;
    bool waits_;
    bool wait_ = true;
};

inline weir::task<item> waiting_task(scene& s, int value) {
    const local here{s};
    s.called();
    co_await weir::sleep_for(std::chrono::milliseconds{1});
    s.called();
    co_return item{s, value};
}

inline weir::task<item> ready_task(scene& s, int value) {
    const local here{s};
    s.called();
    co_return item{s, value};
}

inline weir::async_stream<item> ready_generator(scene& s) {
    const local here{s};
    for (int i = 0; i != items; ++i) {
        s.called();
        item next{s, i};
        co_yield std::move(next);
    }
    s.called();
}

inline weir::async_stream<item> waiting_generator(scene& s) {
    const local here{s};
    for (int i = 0; i != items; ++i) {
        s.called();
        item next = co_await waiting_task(s, i);
        s.called();
        co_yield std::move(next);
        co_await ready_task(s, i);
    }
    s.called();
}

inline weir::async_stream<item> failing_generator(scene& s) {
    const local here{s};
    s.called();
    co_await weir::sleep_for(std::chrono::milliseconds{1});
    item next{s, 0};
    co_yield std::move(next);
    s.called();
    throw std::runtime_error{"upstream"};
}

/// A coroutine between two stages.
template <class S>
weir::async_stream<item> relay(scene& s, S upstream) {
    const local here{s};
    while (auto next = co_await weir::next(upstream)) {
        s.called();
        item out = *std::move(next);
        co_yield std::move(out);
    }
    s.called();
}

// Callables.

inline auto passes(scene& s) {
    return [&s](item x) {
        s.called();
        return s.still_here(std::move(x));
    };
}
/// Holds for all items but those that are `less` than a number.
inline auto holds(scene& s, int but_below = 0) {
    return [&s, but_below](const item& x) {
        s.called();
        return s.still_here(x).value() >= but_below;
    };
}
inline auto looks(scene& s) {
    return [&s](const item& x) {
        s.called();
        static_cast<void>(s.still_here(x));
    };
}
/// What a stage is given to be told of what it drops.
inline auto takes_dropped(scene& s) {
    return [&s](item x) {
        s.ended();
        static_cast<void>(s.still_here(x));
    };
}
inline auto makes_task(scene& s, bool waits) {
    return [&s, waits](item x) -> weir::task<item> {
        s.called();
        return waits ? waiting_task(s, s.still_here(x).value()) : ready_task(s, s.still_here(x).value());
    };
}
/// A coroutine that reads its argument, which is somebody else's, to its end.
inline auto reads_argument(scene& s) {
    return [&s](const item& x) -> weir::task<item> {
        const local here{s};
        s.called();
        co_await weir::sleep_for(std::chrono::milliseconds{1});
        s.called();
        co_return item{s, x.value()};
    };
}
inline auto makes_stream(scene& s, bool waits) {
    return [&s, waits](item x) -> weir::async_stream<item> {
        s.called();
        static_cast<void>(s.still_here(x));
        return waits ? waiting_generator(s) : ready_generator(s);
    };
}

/// How the items of a pipeline come into being.
struct source {
    const char* name;
    weir::async_stream<item> (*make)(scene& s);
    bool fails = false;
};

/// What stands between a source and its sink.
struct stage {
    std::string name;
    std::function<weir::async_stream<item>(scene& s, weir::async_stream<item> in)> make;
    bool steady = true; ///< what happens does not depend on what comes first
};

/// What stands at the end.
struct sink {
    std::string name;
    std::function<any_operation(scene& s, weir::async_stream<item> in)> make;
    bool steady = true; ///< what happens does not depend on what comes first
};

/// Makes a pipeline that has its sink.
struct pipeline {
    std::string name;
    std::function<any_operation(scene& s)> make;
    bool steady = true; ///< what happens does not depend on what comes first
};

/// Collects stages: behind any source, and in one piece with a source that is no coroutine.
class stage_table {
public:
    /// @param make  from a scene and a stream of items to another
    template <class F>
    void add(std::string name, F make, bool steady = true) {
        fused.push_back(
            {name + ", in one piece",
             [make](scene& s) { return any_operation{make(s, plain_source{s}) | weir::for_each(looks(s))}; }, steady});
        stages.push_back(
            {std::move(name),
             [make](scene& s, weir::async_stream<item> in) { return weir::async_stream<item>{make(s, std::move(in))}; },
             steady});
    }

    std::vector<stage> stages;
    std::vector<pipeline> fused;
};

inline const std::vector<source>& sources() {
    static const std::vector<source> all{
        {"plain source", [](scene& s) { return weir::async_stream<item>{plain_source{s}}; }},
        {"waiting source", [](scene& s) { return weir::async_stream<item>{plain_source{s, true}}; }},
        {"generator", [](scene& s) { return ready_generator(s); }},
        {"waiting generator", [](scene& s) { return waiting_generator(s); }},
        {"failing generator", [](scene& s) { return failing_generator(s); }, true},
    };
    return all;
}

/// Every stage behind every source.
inline std::vector<pipeline> behind_sources(const std::vector<stage>& stages) {
    std::vector<pipeline> all;
    for (const source& from : sources()) {
        for (const stage& one : stages) {
            all.push_back({std::string{from.name} + " | " + one.name,
                           [make = one.make, from](scene& s) {
                               return any_operation{make(s, from.make(s)) | weir::for_each(looks(s))};
                           },
                           one.steady && !from.fails});
        }
    }
    return all;
}

inline std::vector<pipeline> behind_sources(const std::vector<sink>& sinks) {
    std::vector<pipeline> all;
    for (const source& from : sources()) {
        for (const sink& one : sinks) {
            all.push_back({std::string{from.name} + " | " + one.name,
                           [make = one.make, from](scene& s) { return make(s, from.make(s)); },
                           one.steady && !from.fails});
        }
    }
    return all;
}

} // namespace support::dropping
