// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/detail/line.hpp>
#include <weir/sync/detail/shared.hpp>

namespace weir::detail {

/// A send that waits. The item stays where it is until it is taken from there.
template <class T>
class sending : public in_line {
public:
    explicit sending(T& item) noexcept : item_{&item} {}

    T&& item() const noexcept { return std::move(*item_); }

private:
    T* item_;
};

/// What `send` gives.
/// @tparam Core  takes items: `try_send(T&)`, `enter(sending<T>&)` for one that must wait, `open()`, and `drop(T&)` for one
///               that it will never take. A send that it sets back to `fresh` is to try by itself
/// @tparam Item  T, or T& for an item that stays with its owner
template <class Core, class Item>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] send_operation {
    using value_type = std::remove_reference_t<Item>;

public:
    using result_type = bool;

    send_operation(handle<Core, role::giver> core, Item item)
        : core_{std::move(core)}, item_(std::forward<Item>(item)) {}
    send_operation(send_operation&&) = default;
    ~send_operation() {
        if constexpr (!std::is_reference_v<Item>) {
            if (core_) [[unlikely]]
                drop();
        }
    }

    /// True when the item was delivered, false when it never will be.
    poll<bool> poll_result(context& cx) {
        if (!waiting_ && core_->try_send(item_)) [[likely]]
            return delivered();
        return wait_for_room(cx);
    }

private:
    [[gnu::noinline]] poll<bool> wait_for_room(context& cx) {
        if (!waiting_) {
            if (!core_->open()) return false;
            waiting_.construct_with([this] { return sending<value_type>{item_}; });
            core_->enter(*waiting_);
        }
        switch (waiting_->where()) {
        case turn::waiting:
            return waiting_->wait(cx);
        case turn::fresh:
            waiting_.reset();
            return poll_result(cx);
        case turn::over:
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
        if (waiting_ && waiting_->where() == turn::over) return;
        waiting_.reset();
        core_->drop(item_);
    }

    handle<Core, role::giver> core_; // until it is delivered
    Item item_;
    manual_lifetime<sending<value_type>> waiting_; // once there was no room
};

/// What `closing` gives.
/// @tparam Core  is `open()`, and releases those in its line `closing()` when it no longer is
template <class Core>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] closing_operation {
public:
    using result_type = unit;

    explicit closing_operation(handle<Core, role::other> core) noexcept : core_{std::move(core)} {}

    poll<unit> poll_result(context& cx) noexcept {
        if (!core_->open()) return unit{};
        if (waiter_.where() == turn::fresh) core_->closing().enter(waiter_);
        return waiter_.wait(cx);
    }

private:
    handle<Core, role::other> core_;
    in_line waiter_;
};

} // namespace weir::detail
