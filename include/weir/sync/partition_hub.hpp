// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/pending_send.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

template <class T>
struct partition_hub_options {
    /// Called with each item that no subscriber receives: an item that route sent to nobody, the items held for a
    /// subscription that is destroyed, and the item of a send that was refused or dropped.
    drop_function<T> on_drop = {};
};

struct partition_subscribe_options {
    /// The maximum number of items held for the subscriber, >= 1. A send of one more waits.
    std::size_t capacity = 64;
};

namespace detail {

/// The function that chooses the subscriber of an item: the number of items held for each of them are its second
/// argument.
template <class T>
using partition_route = std::function<std::size_t(const T&, std::span<const std::size_t>)>;

/// The buffer of one subscriber, and the sends that wait for room in it.
template <class T>
struct partition_member : pooled {
    explicit partition_member(std::size_t most) noexcept : capacity{most} {}

    bool has_room() const noexcept { return held.size() != capacity && senders.empty(); }

    /// Accepts the items of waiting sends.
    void refill() noexcept {
        while (!senders.empty() && held.size() != capacity) {
            try {
                held.push_back(senders.front().item());
                senders.release_front(wait_state::finished);
            } catch (...) {
                senders.release_front(wait_state::fresh); // tries itself, so that an exception reaches its awaiter
            }
        }
    }

    void describe(wait_report& report) const {
        const char* const why = receiver.armed() ? "no item was sent to this subscriber"
                                                 : "the buffer of the subscriber is full, and it does not ask";
        report.object(this, "weir::partition_hub", why);
    }

    std::size_t capacity;
    std::size_t index = 0;
    ring_buffer<T> held{};
    wait_queue<pending_send<T>> senders{*this};
    described_slot receiver{*this};
};

/// The state that the senders and subscriptions of a partition_hub share.
template <class T>
class partition_core : public shared_state {
    using member = partition_member<T>;

public:
    partition_core(partition_route<T> route, drop_function<T> on_drop)
        : route_(std::move(route)), on_drop_(std::move(on_drop)) {}

    bool open() const noexcept { return open_; }
    const std::exception_ptr& error() const noexcept { return error_; }
    std::size_t size() const noexcept { return members_.size(); }

    // For send_operation.

    /// Routes the item. Delivers it if its subscriber has room; otherwise `enter` is called next.
    bool try_send(T& item) {
        routed_ = nullptr;
        if (!open_ || members_.empty()) return false;
        const std::size_t to = route_(std::as_const(item), std::span<const std::size_t>{sizes_});
        if (!open_) return false; // route has closed the hub
        if (to >= members_.size()) {
            drop(item, drop_reason::unmatched);
            return true;
        }
        if (!members_[to]->has_room()) {
            routed_ = members_[to];
            return false;
        }
        members_[to]->held.push_back(std::move(item));
        ++sizes_[to];
        members_[to]->receiver.wake();
        return true;
    }
    void enter(pending_send<T>& s) noexcept {
        if (routed_ != nullptr) {
            routed_->senders.enter(s);
        } else {
            unrouted_.enter(s);
        }
    }
    void drop(T& item, drop_reason why) noexcept {
        if (on_drop_) on_drop_(std::move(item), why);
    }

    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        error_ = std::move(error);
        unrouted_.release_all(wait_state::refused);
        for (member* one : members_) {
            one->senders.release_all(wait_state::refused);
            one->receiver.wake();
        }
    }
    void producers_left() noexcept { close(); }

    // For subscriptions.

    void enter(member& one) {
        sizes_.reserve(members_.size() + 1);
        members_.push_back(&one);
        sizes_.push_back(0);
        one.index = members_.size() - 1;
        unrouted_.release_all(wait_state::fresh);
    }
    /// The sends that wait for the subscriber are routed anew.
    void leave(member& one) noexcept {
        const auto at = static_cast<std::ptrdiff_t>(one.index);
        members_.erase(members_.begin() + at);
        sizes_.erase(sizes_.begin() + at);
        for (std::size_t i = one.index; i != members_.size(); ++i) members_[i]->index = i;
        one.senders.release_all(wait_state::fresh);
        for (; !one.held.empty(); one.held.drop_front()) drop(one.held.front(), drop_reason::consumer_gone);
    }
    poll<T> take(member& one) {
        poll<T> item{std::move(one.held.front())};
        one.held.drop_front();
        one.refill();
        sizes_[one.index] = one.held.size();
        return item;
    }

private:
    friend described;

    void describe(wait_report& report) const { report.object(this, "weir::partition_hub", "has no subscriber"); }

    partition_route<T> route_;
    drop_function<T> on_drop_;
    std::vector<member*> members_;
    std::vector<std::size_t> sizes_; // the numbers of items held for the members
    wait_queue<pending_send<T>> unrouted_{*this};
    member* routed_ = nullptr; // where the send that did not find room is to wait
    std::exception_ptr error_;
    bool open_ = true;
};

} // namespace detail

template <class T>
class partition_hub;

/// The subscription of a partition_hub: a stream that ends when the hub is closed, after the held items. It may be
/// moved at any time.
template <class T>
class [[nodiscard("add a sink and co_await it")]] partition_subscription {
public:
    using value_type = T;

    partition_subscription(partition_subscription&&) noexcept = default;
    ~partition_subscription() {
        if (member_ != nullptr) core_->leave(*member_);
    }

    poll<T> poll_next(context& cx) {
        if (!member_->held.empty()) return core_->take(*member_);
        if (core_->open()) {
            member_->receiver.arm(cx.waker());
            return pending;
        }
        if (core_->error() != nullptr) std::rethrow_exception(core_->error());
        return done;
    }

    /// The number of held items.
    std::size_t size() const noexcept { return member_->held.size(); }

    void outline(stage_outline& out) const {
        if (member_) out.holds(member_->capacity);
    }

private:
    friend class partition_hub<T>;
    friend detail::sole_waiter;
    using user = detail::handle<detail::partition_core<T>, detail::role::other>;

    partition_subscription(user core, std::size_t capacity)
        : core_{std::move(core)}, member_{std::make_unique<detail::partition_member<T>>(capacity)} {
        core_->enter(*member_);
    }

    const waker* waiting() const noexcept { return member_->receiver.waiting(); }

    user core_;
    std::unique_ptr<detail::partition_member<T>> member_;
};

/// partition_hub<T>(route): sends each item to one of its subscribers, between tasks on one executor. Subscribers come
/// and go while items flow.
///
///     weir::partition_hub<job> jobs{[](const job& j, auto held) { return j.account % held.size(); }};
///     task_group workers;
///     for (int i = 0; i != 4; ++i) workers.spawn(jobs.subscribe() | weir::for_each(work));
///     co_await (queue() | weir::send(jobs));
///
/// route(item, held) returns the index of the subscriber that receives the item, in the order of their subscription.
/// held is a std::span<const std::size_t> with the number of items that are held for each, so that held.size() is the
/// number of subscribers, at least one, and the smallest element is the one with the least to do. An index beyond them
/// sends the item to nobody: it is dropped. When a subscriber leaves, those behind it move up.
///
/// A send waits while its subscriber's buffer is full, and does not hold up sends to other subscribers. It waits, too,
/// while there is no subscriber. When the subscriber that it waits for leaves, its item is routed anew. Sends to one
/// subscriber that stays arrive in the order in which they were first polled.
///
/// A partition_hub may be copied. The subscriptions end when the last copy is destroyed and no send is waiting.
///
/// Errors: what route throws is the error of the send.
/// Dropped: copies and subscriptions may be destroyed in any order. Items that nobody receives are passed to on_drop:
/// partition_hub<job>{route, {.on_drop = f}}.
/// Threads: all copies and subscriptions belong to one executor.
/// Cost: one allocation per hub and one per subscription; buffers grow to their largest size so far. No allocation per
/// item. A call of route, a std::function, per item.
/// See: broadcast (each item to all), channel, balance, partition, map_async_keyed.
template <class T>
class partition_hub {
    static_assert(detail::keepable<T>, "weir::partition_hub<T> keeps what is sent, and a T borrows its memory; send "
                                       "what owns it, such as std::string, or outlives(view)");
    using core = detail::partition_core<T>;

public:
    template <class Route>
        requires(!std::same_as<std::remove_cvref_t<Route>, partition_hub>)
    explicit partition_hub(Route route, partition_hub_options<T> options = {})
        : core_{*new core{checked(std::move(route)), std::move(options.on_drop)}} {}

    /// @throws std::invalid_argument when the capacity is 0
    partition_subscription<T> subscribe(partition_subscribe_options options = {}) const {
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::partition_hub::subscribe({.capacity}): capacity must be at least 1"};
        }
        return {typename partition_subscription<T>::user{core_}, options.capacity};
    }

    /// `co_await hub.send(item)`: returns true when the item is held for a subscriber, or was sent to nobody, and false
    /// when the hub is closed. An item that was refused, or whose send was dropped, is passed to on_drop.
    detail::send_operation<core, T> send(T item) const { return {core_, std::move(item)}; }

    /// The number of subscribers.
    std::size_t subscribers() const noexcept { return core_->size(); }

    /// Closes the hub. Waiting sends return false. Subscribers get their held items, and then the end.
    void close() const noexcept { core_->close(); }
    /// Closes the hub; the subscriptions fail with the error after their held items.
    void fail(std::exception_ptr error) const noexcept { core_->close(std::move(error)); }
    bool closed() const noexcept { return !core_->open(); }

private:
    template <class Route>
    static detail::partition_route<T> checked(Route route) {
        constexpr bool ok = std::is_invocable_r_v<std::size_t, Route&, const T&, std::span<const std::size_t>> &&
                            std::copy_constructible<Route>;
        static_assert(ok, "weir::partition_hub<T>(route): route cannot be called with a const item and a "
                          "std::span<const std::size_t>, does not return an index, or cannot be copied");
        if constexpr (ok) {
            return detail::partition_route<T>(std::move(route));
        } else {
            return {};
        }
    }

    detail::handle<core, detail::role::producer> core_;
};

template <class T>
inline constexpr bool thread_bound<partition_hub<T>> = true;
template <class T>
inline constexpr bool thread_bound<partition_subscription<T>> = true;

} // namespace weir
