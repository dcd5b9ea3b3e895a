// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/detail/line.hpp>
#include <weir/sync/detail/shared.hpp>

namespace weir {

/// What becomes of an event when somebody has waited for it.
enum class event_reset : std::uint8_t {
    manual,    ///< it stays set, until it is reset
    automatic, ///< it is reset: each `set` lets one pass
};

namespace detail {

class event_core : public shared {
public:
    /// @param name  of the owner, for messages; lives as long as the program
    event_core(event_reset how, const char* name) noexcept : name_{name}, how_{how} {}

    bool is_set() const noexcept { return set_; }
    void reset() noexcept { set_ = false; }

    void set() noexcept {
        if (how_ == event_reset::automatic && !line_.empty()) {
            line_.release_front(turn::granted);
            return;
        }
        set_ = true;
        line_.release_all(turn::granted);
    }

    bool try_wait() noexcept {
        if (!set_) return false;
        if (how_ == event_reset::automatic) set_ = false;
        return true;
    }

    poll<unit> wait(in_line& w, context& cx) {
        if (w.where() == turn::fresh) {
            if (try_wait()) {
                w.become(turn::over);
                return unit{};
            }
            if (open_) line_.enter(w);
        }
        switch (w.where()) {
        case turn::waiting:
            return w.wait(cx);
        case turn::granted:
            w.become(turn::over);
            return unit{};
        default:
            throw closed{name_};
        }
    }

    /// One that waits is dropped.
    void leave(in_line& w) noexcept {
        w.unlink();
        if (w.where() == turn::granted && how_ == event_reset::automatic && open_) set();
    }

    void givers_left() noexcept {
        open_ = false;
        line_.release_all(turn::refused);
    }

private:
    line<in_line> line_;
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
    in_line waiter_;
};

} // namespace detail

/// Something that tasks on one executor wait for.
///
///     weir::event ready;                                    // stays set, and lets everybody pass
///     weir::event work{weir::event_reset::automatic};       // lets one pass for each time it is set
///
///     co_await ready.wait();
///
/// An automatic event goes to those who wait in the order in which they came; set twice while nobody waits, it lets one
/// pass. One that is dropped before it went on leaves its turn to the next. When the event dies, those who wait get the
/// exception `closed`. One allocation for the event, none for a wait.
///
/// Threads: the event and those who wait belong to one executor.
class event {
public:
    explicit event(event_reset how = event_reset::manual) : event{how, "weir::event"} {}
    event(event&&) noexcept = default;
    event& operator=(event&&) noexcept = default;

    /// Lets those pass who wait now: all of them, or, if it is automatic, the first. If it is automatic and nobody waits, the
    /// next one.
    void set() const noexcept { core_->set(); }
    void reset() const noexcept { core_->reset(); }
    bool is_set() const noexcept { return core_->is_set(); }

    /// `co_await e.wait()`: waits until it is set. One that was let pass goes on, even if the event was reset since.
    /// @throws closed when awaited, if the event dies first
    detail::event_wait_operation wait() const noexcept {
        return detail::event_wait_operation{detail::handle<detail::event_core, detail::role::other>{core_}};
    }
    /// Passes, if it need not wait.
    bool try_wait() const noexcept { return core_->try_wait(); }

private:
    friend class latch;

    event(event_reset how, const char* name) : core_{*new detail::event_core{how, name}} {}

    detail::handle<detail::event_core, detail::role::giver> core_;
};

} // namespace weir
