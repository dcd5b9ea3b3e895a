// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// How far an operation is that may have to wait for its turn.
enum class turn : std::uint8_t {
    fresh,   ///< it was not polled
    waiting, ///< it stands in a line
    granted, ///< it was given what it waits for, and has not taken it
    refused, ///< it will not be given it
    over,    ///< it has taken it
};

/// Base of an operation that may have to wait for its turn: its place in the line, and whom to wake.
///
/// What it waits for is given to it in the line, before it runs. So nobody can overtake it, and one that is dropped with
/// a turn it has not taken must pass that on.
class in_line : public list_link {
public:
    turn where() const noexcept { return turn_; }
    void become(turn t) noexcept { turn_ = t; }

    pending_t wait(context& cx) noexcept {
        slot_.arm(cx.waker());
        return pending;
    }

private:
    template <class>
    friend class line;

    waker_slot slot_;
    turn turn_ = turn::fresh;
};

/// Those who wait, in the order in which they came. One that dies leaves it.
/// @tparam Waiter  derives from in_line
template <class Waiter>
class line {
public:
    bool empty() const noexcept { return waiting_.empty(); }
    Waiter& front() noexcept { return waiting_.front(); }

    void enter(Waiter& w) noexcept {
        w.turn_ = turn::waiting;
        waiting_.push_back(w);
    }

    /// The first leaves, and is woken to see why.
    void release_front(turn how) noexcept {
        Waiter& first = take_front();
        first.turn_ = how;
        first.slot_.wake();
    }
    /// The first leaves, to wait in another line.
    Waiter& take_front() noexcept { return waiting_.pop_front(); }
    void release_all(turn how) noexcept {
        while (!empty()) release_front(how);
    }

private:
    intrusive_list<Waiter> waiting_;
};

} // namespace weir::detail
