// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir::detail {

/// A send that waits in a queue. The item stays with the operation until the receiving end moves it out.
template <class T>
class pending_send : public waiter {
public:
    explicit pending_send(T& item) noexcept : item_{&item} {}

    T&& item() const noexcept { return std::move(*item_); }

private:
    T* item_;
};

/// The operation that `send` returns.
/// @tparam Core  accepts items: `try_send(T&)`, `enter(pending_send<T>&)` for a send that must wait, `open()`, and
///               `drop(T&, drop_reason)` for an item that it will never
///               accept. A send that it sets back to `fresh` tries again
/// @tparam Item  T, or T& for an item that stays with its owner
template <class Core, class Item>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] send_operation {
    using value_type = std::remove_reference_t<Item>;

public:
    using result_type = bool;

    send_operation(handle<Core, role::producer> core, Item item)
        : core_{std::move(core)}, item_(std::forward<Item>(item)) {}
    send_operation(send_operation&&) = default;
    ~send_operation() {
        if constexpr (!std::is_reference_v<Item>) {
            if (core_) [[unlikely]]
                drop();
        }
    }

    /// Returns true when the item was delivered, and false when it never will be.
    poll<bool> poll_result(context& cx) {
        if (!waiting_ && core_->try_send(item_)) [[likely]]
            return delivered();
        return wait_for_room(cx);
    }

private:
    [[gnu::noinline]] poll<bool> wait_for_room(context& cx) {
        if (!waiting_) {
            if (!core_->open()) return false;
            waiting_.construct_with([this] { return pending_send<value_type>{item_}; });
            core_->enter(*waiting_);
        }
        switch (waiting_->state()) {
        case wait_state::waiting:
            return waiting_->wait(cx);
        case wait_state::fresh:
            waiting_.reset();
            return poll_result(cx);
        case wait_state::finished:
            return delivered();
        default:
            return false;
        }
    }

    bool delivered() noexcept {
        core_.reset();
        return true;
    }

    [[gnu::noinline]] void drop() noexcept {
        if (waiting_ && waiting_->state() == wait_state::finished) return;
        const bool refused = !core_->open();
        waiting_.reset();
        core_->drop(item_, refused ? drop_reason::refused : drop_reason::cancelled);
    }

    handle<Core, role::producer> core_; // null once the item was delivered
    Item item_;
    manual_lifetime<pending_send<value_type>> waiting_; // engaged once there was no room
};

/// The operation that `closing` returns.
/// @tparam Core  has `open()`, and releases the waiters in its queue `closing()` when it closes
template <class Core>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] closing_operation {
public:
    using result_type = unit;

    explicit closing_operation(handle<Core, role::other> core) noexcept : core_{std::move(core)} {}

    poll<unit> poll_result(context& cx) noexcept {
        if (!core_->open()) return unit{};
        if (waiter_.state() == wait_state::fresh) core_->closing().enter(waiter_);
        return waiter_.wait(cx);
    }

private:
    handle<Core, role::other> core_;
    waiter waiter_;
};

} // namespace weir::detail
