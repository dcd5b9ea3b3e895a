// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

namespace detail {

template <class T>
class state_core : public shared_state {
public:
    explicit state_core(T value) : value_(std::move(value)) {}

    const T& value() const noexcept { return value_; }
    T& value_to_change() noexcept { return value_; }
    std::uint64_t version() const noexcept { return version_; }

    void set(T&& value) {
        value_ = std::move(value);
        changed();
    }
    void changed() noexcept {
        ++version_;
        watchers_.release_all(wait_state::fresh);
    }

    void enter(waiter& w) noexcept {
        if (w.state() == wait_state::fresh) watchers_.enter(w);
    }
    void producers_left() noexcept { watchers_.release_all(wait_state::fresh); }

private:
    friend described;

    void describe(wait_report& report) const { report.object(this, "weir::state", "not set to a newer value"); }

    T value_;
    std::uint64_t version_ = 1;
    wait_queue<waiter> watchers_{*this};
};

} // namespace detail

template <class T>
class state;

/// The stream of a state's values: first the present value, then each newer one. It ends when the state is destroyed,
/// after the last value. A value that was replaced before the stream was polled is left out.
template <class T>
class [[nodiscard("add a sink and co_await it")]] state_stream {
public:
    using value_type = T;

    state_stream(state_stream&&) noexcept = default;

    poll<T> poll_next(context& cx) {
        if (changed()) {
            poll<T> newest{T(core_->value())};
            seen_ = core_->version();
            return newest;
        }
        if (core_->producers() == 0) return done;
        core_->enter(waiter_);
        return waiter_.wait(cx);
    }

    /// Whether there is a value that was not delivered.
    bool changed() const noexcept { return seen_ != core_->version(); }
    /// The version of the last delivered value; 0 before the first. Gaps are values that were left out.
    std::uint64_t version() const noexcept { return seen_; }

    void outline(stage_outline&) const noexcept {}

private:
    friend class state<T>;

    explicit state_stream(detail::handle<detail::state_core<T>, detail::role::other> core) noexcept
        : core_{std::move(core)} {}

    detail::handle<detail::state_core<T>, detail::role::other> core_;
    detail::waiter waiter_;
    std::uint64_t seen_ = 0;
};

/// state<T>: a value that changes and that tasks on one executor can watch.
///
///     weir::state<config> current{load()};
///     auto watching = ex.spawn(current.watch() | weir::for_each(apply));    // the present one too
///     current.set(load());
///
/// Setting the value never waits. A slow watcher sees the newest value only. Copies share one state, which the last
/// copy destroys.
///
/// Threads: all copies and streams belong to one executor.
/// Cost: one allocation per state, none per value.
/// See: broadcast, condition.
template <class T>
class state {
    static_assert(std::movable<T>, "weir::state<T>: T must be movable, and assignable");
    static_assert(detail::keepable<T>, "weir::state<T> keeps its value, and a T borrows its memory; use what owns it, "
                                       "such as std::string, or outlives(view)");

public:
    explicit state(T value) : core_{*new detail::state_core<T>{std::move(value)}} {}

    /// The value. The reference is valid until the next `set`.
    const T& get() const noexcept { return core_->value(); }
    /// 1 at first, and one more for each `set`.
    std::uint64_t version() const noexcept { return core_->version(); }

    /// Sets the value and increases the version, even if the value is the same. An assignment that throws changes
    /// nothing.
    void set(T value) const { core_->set(std::move(value)); }
    /// Changes the value in place by a function.
    template <std::invocable<T&> F>
    void update(F f) const {
        static_assert(!detail::returns_work<F&, T&>, "weir::state::update(f): f returns an operation or a stream, and "
                                                     "nothing would await it");
        static_cast<void>(std::invoke(f, core_->value_to_change()));
        core_->changed();
    }

    /// A stream of the present and the later values.
    state_stream<T> watch() const noexcept
        requires std::copy_constructible<T>
    {
        return state_stream<T>{detail::handle<detail::state_core<T>, detail::role::other>{core_}};
    }

private:
    detail::handle<detail::state_core<T>, detail::role::producer> core_;
};

template <class T>
inline constexpr bool thread_bound<state<T>> = true;
template <class T>
inline constexpr bool thread_bound<state_stream<T>> = true;

} // namespace weir
