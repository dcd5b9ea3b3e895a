// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
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
    T value_;
    std::uint64_t version_ = 1;
    wait_queue<waiter> watchers_;
};

} // namespace detail

template <class T>
class state;

/// The values of a state, the newest first of all, and then each time there is a newer one: a stream, which ends when
/// the state dies, after its last value. Values that were followed before they were asked for are left out.
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

    /// There is a value that it has not given.
    bool changed() const noexcept { return seen_ != core_->version(); }
    /// Of the value that it gave last; 0 before the first. What is missing between two of them was left out.
    std::uint64_t version() const noexcept { return seen_; }

private:
    friend class state<T>;

    explicit state_stream(detail::handle<detail::state_core<T>, detail::role::other> core) noexcept
        : core_{std::move(core)} {}

    detail::handle<detail::state_core<T>, detail::role::other> core_;
    detail::waiter waiter_;
    std::uint64_t seen_ = 0;
};

/// state<T>: a value that changes, and that tasks on one executor watch.
///
///     weir::state<config> current{load()};
///     auto watching = ex.spawn(current.watch() | weir::for_each(apply));    // the present one too
///     current.set(load());
///
/// Nobody waits to set it, and whoever is slow sees the newest value only. May be copied: the copies are one state,
/// which dies with the last. One allocation for the state, none a value.
///
/// Threads: all copies and streams belong to one executor.
template <class T>
class state {
    static_assert(std::movable<T>, "weir::state<T>: T must be movable, and assignable");
    static_assert(detail::keepable<T>, "weir::state<T> keeps its value, and a T borrows its memory; use what owns it, "
                                       "such as std::string, or outlives(view)");

public:
    explicit state(T value) : core_{*new detail::state_core<T>{std::move(value)}} {}

    /// Valid until it is set.
    const T& get() const noexcept { return core_->value(); }
    /// How often it was set, and once more: 1 in the beginning.
    std::uint64_t version() const noexcept { return core_->version(); }

    /// A new version, even if the value is the same. If the assignment throws, there is none.
    void set(T value) const { core_->set(std::move(value)); }
    /// The same, by a function that changes the value in place.
    template <std::invocable<T&> F>
    void update(F f) const {
        std::invoke(f, core_->value_to_change());
        core_->changed();
    }

    /// A stream of what it is and becomes.
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
