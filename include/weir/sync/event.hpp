// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

/// Whether an event stays set after it has released a waiter.
enum class event_reset : std::uint8_t {
    manual,    ///< the event stays set until `reset`
    automatic, ///< each `set` releases one waiter and resets the event
};

namespace detail {

class event_core : public shared_state {
public:
    /// @param name  the owner's name for error messages; a string literal
    event_core(event_reset how, const char* name) noexcept : name_{name}, how_{how} {}

    bool is_set() const noexcept { return set_; }
    void reset() noexcept { set_ = false; }

    void set() noexcept {
        if (how_ == event_reset::automatic && !waiters_.empty()) {
            waiters_.release_front(wait_state::granted);
            return;
        }
        set_ = true;
        waiters_.release_all(wait_state::granted);
    }

    bool try_wait() noexcept {
        if (!set_) return false;
        if (how_ == event_reset::automatic) set_ = false;
        return true;
    }

    poll<unit> wait(waiter& w, context& cx) {
        if (w.state() == wait_state::fresh) {
            if (try_wait()) {
                w.set_state(wait_state::finished);
                return unit{};
            }
            if (open_) waiters_.enter(w);
        }
        switch (w.state()) {
        case wait_state::waiting:
            return w.wait(cx);
        case wait_state::granted:
            w.set_state(wait_state::finished);
            return unit{};
        default:
            throw closed{name_};
        }
    }

    /// To be called when a waiter is dropped.
    void leave(waiter& w) noexcept {
        w.unlink();
        if (w.state() == wait_state::granted && how_ == event_reset::automatic && open_) set();
    }

    void producers_left() noexcept {
        open_ = false;
        waiters_.release_all(wait_state::refused);
    }

private:
    friend described;

    void describe(wait_report& report) const { report.object(this, name_, "not set"); }

    wait_queue<waiter> waiters_{*this};
    const char* name_;
    event_reset how_;
    bool set_ = false;
    bool open_ = true;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] event_wait_operation {
public:
    using result_type = unit;

    explicit event_wait_operation(handle<event_core, role::other> core) noexcept : core_{std::move(core)} {}
    event_wait_operation(event_wait_operation&&) noexcept = default;
    ~event_wait_operation() {
        if (core_) core_->leave(waiter_);
    }

    poll<unit> poll_result(context& cx) { return core_->wait(waiter_, cx); }

private:
    handle<event_core, role::other> core_;
    waiter waiter_;
};

} // namespace detail

/// A flag that tasks on one executor can wait for.
///
///     weir::event ready;                                    // stays set, and releases all waiters
///     weir::event work{weir::event_reset::automatic};       // each `set` releases one waiter
///
///     co_await ready.wait();
///
/// An automatic event releases waiters in order of arrival. Two calls of `set` without a waiter release one. A released
/// waiter that is dropped before it continues passes its release on.
///
/// Errors: waiters get `closed` when the event is destroyed.
/// Threads: the event and its waiters belong to one executor.
/// Cost: one allocation per event, none per wait.
/// See: latch, condition, oneshot.
class event {
public:
    explicit event(event_reset how = event_reset::manual) : event{how, "weir::event"} {}
    event(event&&) noexcept = default;
    event& operator=(event&&) noexcept = default;

    /// Sets the event. A manual event releases all waiters; an automatic one releases the first, or the next to arrive.
    void set() const noexcept { core_->set(); }
    void reset() const noexcept { core_->reset(); }
    bool is_set() const noexcept { return core_->is_set(); }

    /// `co_await e.wait()`: waits until the event is set. A released waiter continues even if the event was reset
    /// since.
    /// @throws closed when awaited, if the event is destroyed first
    detail::event_wait_operation wait() const noexcept {
        return detail::event_wait_operation{detail::handle<detail::event_core, detail::role::other>{core_}};
    }
    /// Returns whether the event is set; resets an automatic event.
    bool try_wait() const noexcept { return core_->try_wait(); }

private:
    friend class latch;

    event(event_reset how, const char* name) : core_{*new detail::event_core{how, name}} {}

    detail::handle<detail::event_core, detail::role::producer> core_;
};

} // namespace weir
