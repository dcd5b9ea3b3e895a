// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// The progress of an operation that may have to wait in a queue.
enum class wait_state : std::uint8_t {
    fresh,    ///< not polled yet
    waiting,  ///< in a queue
    granted,  ///< the request was granted, and the operation has not run since
    refused,  ///< the request will never be granted
    finished, ///< the operation has used the grant
};

/// Base of an operation that may have to wait in a queue: its position there, and the waker to wake.
///
/// A request is granted while the waiter is in the queue, before the waiter runs, so that no other operation can
/// overtake it. A waiter that is dropped with an unused grant must pass it on.
class waiter : public list_link {
public:
    wait_state state() const noexcept { return state_; }
    void set_state(wait_state s) noexcept { state_ = s; }

    pending_t wait(context& cx) noexcept {
        slot_.arm(cx.waker());
        return pending;
    }

private:
    template <class>
    friend class wait_queue;

    referring_slot slot_; // refers to the owner of the queue
    wait_state state_ = wait_state::fresh;
};

/// Waiters in order of arrival. A waiter leaves the queue when it is destroyed.
/// @tparam Waiter  derives from `waiter`
template <class Waiter>
class wait_queue {
public:
    /// @param owner  describes what the waiters wait for, and is not moved while one waits
    template <class Owner>
    explicit wait_queue(Owner& owner) noexcept : owner_{owner} {}

    bool empty() const noexcept { return waiting_.empty(); }
    Waiter& front() noexcept { return waiting_.front(); }

    void enter(Waiter& w) noexcept {
        w.state_ = wait_state::waiting;
        w.slot_.refer_to(owner_);
        waiting_.push_back(w);
    }

    /// Removes the first waiter and wakes it with the new state.
    void release_front(wait_state how) noexcept {
        Waiter& first = take_front();
        first.state_ = how;
        first.slot_.wake();
    }
    /// Removes the first waiter without waking it, so that it can enter another queue.
    Waiter& take_front() noexcept { return waiting_.pop_front(); }
    void release_all(wait_state how) noexcept {
        while (!empty()) release_front(how);
    }

private:
    intrusive_list<Waiter> waiting_;
    described owner_;
};

} // namespace weir::detail
