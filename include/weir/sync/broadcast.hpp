// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/pending_send.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

template <class T>
struct subscribe_options {
    /// The maximum number of items held for the subscriber, >= 1; with overflow::latest it is one.
    std::size_t capacity = 64;
    /// What happens to an item when `capacity` items are held.
    weir::overflow overflow = weir::overflow::suspend;
    /// Called with each item that the subscriber does not receive: dropped items, and the held items when the
    /// subscription is destroyed. It must not destroy the subscription.
    drop_function<T> on_drop = {};
};

namespace detail {

/// The buffer of one subscriber.
template <class T>
class subscriber : public list_link, public pooled {
public:
    explicit subscriber(subscribe_options<T> options)
        : options_{std::move(options)},
          blocks_at_{options_.overflow == overflow::suspend ? options_.capacity : static_cast<std::size_t>(-1)} {}
    ~subscriber() {
        for (; !held_.empty(); held_.drop_front()) drop(std::move(held_.front().item), drop_reason::consumer_gone);
    }

    /// Whether senders must wait until this subscriber has taken an item.
    std::size_t capacity() const noexcept { return options_.capacity; }
    bool blocks() const noexcept { return held_.size() == blocks_at_; }

    /// Copies an item into the buffer. Returns true when the subscriber blocks senders from now on. A copy that fails
    /// is a failure of this subscriber only.
    bool offer(const T& item) noexcept {
        if (error_ != nullptr) return false;
        try {
            if (held_.size() == options_.capacity) {
                drop_one(item);
                return false;
            }
            held_.push_back(entry{item, skipped_});
            skipped_ = 0;
        } catch (...) {
            fail(std::current_exception());
            wake();
            return false;
        }
        wake();
        return blocks();
    }

    /// The next held item, if there is one.
    bool empty() const noexcept { return held_.empty(); }
    poll<T> take() {
        poll<T> item{std::move(held_.front().item)};
        missed_ = held_.front().missed;
        held_.drop_front();
        return item;
    }

    const std::exception_ptr& error() const noexcept { return error_; }
    void wake() noexcept { receiver_.wake(); }
    const waker* waiting() const noexcept { return receiver_.waiting(); }
    pending_t wait(context& cx) noexcept {
        receiver_.arm(cx.waker());
        return pending;
    }
    poll<unit> wait_for_overflow(context& cx) noexcept {
        if (error_ != nullptr) return unit{};
        overflowed_.arm(cx.waker());
        return pending;
    }

    std::size_t size() const noexcept { return held_.size(); }
    std::uint64_t dropped() const noexcept { return dropped_; }
    std::uint64_t missed() const noexcept { return missed_; }

private:
    struct entry {
        T item;
        std::uint64_t missed; // the number of items that were dropped between the one before and this one
    };

    /// Applies the overflow to an item for which there is no room.
    [[gnu::noinline]] void drop_one(const T& item) {
        if (drops_oldest(options_.overflow)) {
            entry oldest(held_.replace_front(entry{item, skipped_}));
            skipped_ = 0;
            held_.front().missed += oldest.missed + 1;
            wake();
            drop(std::move(oldest.item), drop_reason::overflow);
            return;
        }
        if (options_.overflow == overflow::error) {
            fail(std::make_exception_ptr(overflow_of("weir::broadcast: overflow: a subscriber", options_.capacity)));
        }
        ++skipped_;
        ++dropped_;
        if (options_.on_drop) options_.on_drop(T(item), drop_reason::overflow);
    }
    [[gnu::noinline]] void fail(std::exception_ptr error) noexcept {
        error_ = std::move(error);
        overflowed_.wake();
    }

    void drop(T&& item, drop_reason why) noexcept {
        ++dropped_;
        if (options_.on_drop) options_.on_drop(std::move(item), why);
    }

    friend described;

    void describe(wait_report& report) const { report.object(this, "weir::broadcast", "nothing was sent since"); }

    subscribe_options<T> options_;
    std::size_t blocks_at_; // the number of held items at which senders must wait
    ring_buffer<entry> held_;
    described_slot receiver_{*this};
    waker_slot overflowed_; // waits for the error
    std::exception_ptr error_;
    std::uint64_t skipped_ = 0; // the number of items that were dropped behind the last held one
    std::uint64_t missed_ = 0;
    std::uint64_t dropped_ = 0;
};

/// The state that the senders and subscriptions of a broadcast share.
template <class T>
class broadcast_core : public shared_state {
public:
    bool open() const noexcept { return open_; }
    const std::exception_ptr& error() const noexcept { return error_; }

    bool try_send(const T& item) noexcept {
        if (!open_ || !may_deliver() || !senders_.empty()) return false;
        deliver(item);
        admit();
        return true;
    }
    void enter(pending_send<T>& s) noexcept { senders_.enter(s); }
    void drop(T&, drop_reason) noexcept {}

    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        error_ = std::move(error);
        senders_.release_all(wait_state::refused);
        waiting_for_room_.release_all(wait_state::fresh);
        each([](subscriber<T>& s) { s.wake(); });
    }
    void producers_left() noexcept { close(); }

    bool has_room() const noexcept { return may_deliver() && senders_.empty(); }
    void wait_for_room(waiter& w) noexcept {
        if (w.state() == wait_state::fresh) waiting_for_room_.enter(w);
    }

    void enter(subscriber<T>& s) noexcept { subscribers_.push_back(s); }
    void leave(subscriber<T>& s) noexcept {
        s.unlink();
        if (s.blocks()) unblock();
    }
    poll<T> take(subscriber<T>& s) {
        const bool blocked = s.blocks();
        poll<T> item = s.take();
        if (blocked) unblock();
        return item;
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, "weir::broadcast",
                      "full: " + std::to_string(blocking_) + " subscribers do not take what they hold");
    }

    bool may_deliver() const noexcept { return blocking_ == 0 && !delivering_; }

    /// Calls f with every subscriber; f may create and destroy others.
    template <class F>
    void each(F f) noexcept {
        intrusive_list<subscriber<T>> rest;
        rest.splice(subscribers_);
        while (!rest.empty()) {
            subscriber<T>& s = rest.pop_front();
            subscribers_.push_back(s);
            f(s);
        }
    }

    /// Gives each subscriber a copy.
    void deliver(const T& item) noexcept {
        const handle<broadcast_core, role::other> kept{*this}; // an on_drop may destroy all other handles
        delivering_ = true;
        each([&](subscriber<T>& s) { blocking_ += s.offer(item) ? 1u : 0u; });
        delivering_ = false;
    }

    [[gnu::noinline]] void unblock() noexcept {
        --blocking_;
        admit();
        if (has_room()) waiting_for_room_.release_all(wait_state::fresh);
    }

    /// Delivers the items of waiting sends.
    void admit() noexcept {
        while (!senders_.empty() && may_deliver()) {
            try {
                T item(senders_.front().item());
                senders_.release_front(wait_state::finished);
                deliver(item);
            } catch (...) {
                senders_.release_front(wait_state::fresh);
            }
        }
    }

    intrusive_list<subscriber<T>> subscribers_;
    wait_queue<pending_send<T>> senders_{*this};
    wait_queue<waiter> waiting_for_room_{*this};
    std::exception_ptr error_;
    std::size_t blocking_ = 0; // the number of subscribers that block senders
    bool delivering_ = false;
    bool open_ = true;
};

/// What subscription::overflowed returns.
template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] overflowed_operation {
public:
    using result_type = unit;

    explicit overflowed_operation(subscriber<T>& of) noexcept : subscriber_{&of} {}
    poll<unit> poll_result(context& cx) noexcept { return subscriber_->wait_for_overflow(cx); }

private:
    subscriber<T>* subscriber_;
};

/// What broadcast::room returns.
template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] room_operation {
public:
    using result_type = bool;

    explicit room_operation(handle<broadcast_core<T>, role::other> core) noexcept : core_{std::move(core)} {}

    poll<bool> poll_result(context& cx) {
        if (!core_->open()) return false;
        if (core_->has_room()) return true;
        core_->wait_for_room(waiter_);
        return waiter_.wait(cx);
    }

private:
    handle<broadcast_core<T>, role::other> core_;
    waiter waiter_;
};

} // namespace detail

template <class T>
class broadcast;

/// The subscription of a broadcast: a stream that ends when the broadcast is closed, after the held items. It may be
/// moved at any time.
template <class T>
class [[nodiscard("add a sink and co_await it")]] subscription {
public:
    using value_type = T;

    subscription(subscription&&) noexcept = default;
    ~subscription() {
        if (node_ != nullptr) core_->leave(*node_);
    }

    poll<T> poll_next(context& cx) {
        if (!node_->empty()) return core_->take(*node_);
        return without_item(cx);
    }

    /// `co_await s.overflowed()`: waits until the subscription has failed because its buffer was full, as
    /// overflow::error requests, without taking the held items. It completes at once, also while the consumer is busy
    /// with an earlier item:
    ///
    ///     co_await weir::when_any(write_all(client, sub), sub.overflowed());
    ///
    /// One operation may wait at a time. It must not outlive the subscription.
    auto overflowed() noexcept { return detail::overflowed_operation<T>{*node_}; }

    /// The number of items that were dropped between the last two received items.
    std::uint64_t missed() const noexcept { return node_->missed(); }
    /// The number of dropped items so far.
    std::uint64_t dropped() const noexcept { return node_->dropped(); }
    /// The number of held items.
    std::size_t size() const noexcept { return node_->size(); }

    void outline(stage_outline& out) const {
        if (node_) out.holds(node_->capacity());
    }

private:
    friend class broadcast<T>;
    friend detail::sole_waiter;
    using user = detail::handle<detail::broadcast_core<T>, detail::role::other>;

    subscription(user core, subscribe_options<T> options)
        : core_{std::move(core)}, node_{std::make_unique<detail::subscriber<T>>(std::move(options))} {
        core_->enter(*node_);
    }

    const waker* waiting() const noexcept { return node_->waiting(); }

    [[gnu::noinline]] poll<T> without_item(context& cx) { // so that poll_next is inlined
        if (node_->error() != nullptr) std::rethrow_exception(node_->error());
        if (core_->open()) return node_->wait(cx);
        if (core_->error() != nullptr) std::rethrow_exception(core_->error());
        return done;
    }

    user core_;
    std::unique_ptr<detail::subscriber<T>> node_;
};

/// broadcast<T>: sends every item to every subscriber, between tasks on one executor. Each subscriber chooses how many
/// items are held for it, and what happens when its buffer is full: senders wait, it loses items, or it is
/// disconnected.
///
///     weir::broadcast<quote> quotes;
///     auto log = quotes.subscribe({.capacity = 1000});                                      // all: senders wait
///     auto show = quotes.subscribe({.overflow = weir::overflow::latest});                   // the newest
///     auto peer = quotes.subscribe({.capacity = 64, .overflow = weir::overflow::error});    // keeps up, or fails
///     co_await (feed() | weir::send(quotes));
///
/// A subscriber gets copies of the items that are sent after its subscription. Without subscribers an item is
/// discarded. An item is delivered to all subscribers at once, when all that have overflow::suspend have room. Items
/// arrive in the order in which their sends were first polled.
///
/// A broadcast may be copied. The subscriptions end when the last copy is destroyed and no send is waiting.
///
/// Dropped: copies and subscriptions may be destroyed in any order. Destroying a subscription drops its held items and
/// releases the senders that wait for it.
/// Threads: all copies and subscriptions belong to one executor.
/// Cost: one allocation per broadcast and one per subscription; buffers grow to their largest size so far. No
/// allocation per item.
/// See: channel, state.
template <class T>
class broadcast {
    static_assert(std::copy_constructible<T>,
                  "weir::broadcast<T>: each subscriber gets a copy, and T cannot be copied");
    static_assert(detail::keepable<T>, "weir::broadcast<T> keeps what is sent, and a T borrows its memory; send what "
                                       "owns it, such as std::string, or outlives(view)");
    using core = detail::broadcast_core<T>;

public:
    broadcast() : core_{*new core} {}

    /// @throws std::invalid_argument when the capacity is 0
    subscription<T> subscribe(subscribe_options<T> options = {}) const {
        if (options.overflow == overflow::latest) options.capacity = 1;
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::broadcast::subscribe({.capacity}): capacity must be at least 1"};
        }
        return {typename subscription<T>::user{core_}, std::move(options)};
    }

    /// `co_await b.send(item)`: returns true when all subscribers have the item, and false when the broadcast is
    /// closed. Waits for room with the subscribers that have overflow::suspend. A dropped send has reached no
    /// subscriber.
    detail::send_operation<core, T> send(T item) const { return {core_, std::move(item)}; }

    /// Sends without waiting. Returns false when it would have to wait or the broadcast is closed.
    bool try_send(const T& item) const noexcept { return core_->try_send(item); }

    /// Whether `try_send` would send.
    bool has_room() const noexcept { return core_->open() && core_->has_room(); }
    /// `co_await b.room()`: waits until there is room with the subscribers that have overflow::suspend, so that an item
    /// is asked for only when it can be sent. Returns false when the broadcast is closed.
    detail::room_operation<T> room() const {
        return detail::room_operation<T>{detail::handle<core, detail::role::other>{core_}};
    }

    /// Closes the broadcast. Waiting sends return false. Subscribers get their held items, and then the end.
    void close() const noexcept { core_->close(); }
    /// Closes the broadcast; the subscriptions fail with the error after their held items.
    void fail(std::exception_ptr error) const noexcept { core_->close(std::move(error)); }
    bool closed() const noexcept { return !core_->open(); }

private:
    detail::handle<core, detail::role::producer> core_;
};

template <class T>
inline constexpr bool thread_bound<broadcast<T>> = true;
template <class T>
inline constexpr bool thread_bound<subscription<T>> = true;

} // namespace weir
