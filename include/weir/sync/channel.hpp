// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/sole_waiter.hpp>
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
struct channel_options {
    /// Called with each item that cannot be received any more: the items in the buffer when the receiver is destroyed,
    /// and the item of a `send(item)` that was refused or dropped.
    drop_function<T> on_drop = {};
};

namespace detail {

/// The state that both ends of a channel share.
///
/// A send does not wait while there is room, and the receiver does not wait while there is an item. A woken sender has
/// either delivered its item or been refused, so that it never has to wake another one.
template <class T>
class channel_core : public shared_state {
public:
    channel_core(std::size_t capacity, drop_function<T> on_drop)
        : capacity_{capacity}, room_{capacity}, on_drop_{std::move(on_drop)} {}

    bool open() const noexcept { return open_; }
    std::size_t size() const noexcept { return held_.size(); }
    std::size_t capacity() const noexcept { return capacity_; }

    bool try_send(T& item) {
        if (held_.size() >= room_) return false;
        held_.push_back(std::move(item));
        receiver_.wake();
        return true;
    }

    void enter(pending_send<T>& s) noexcept {
        senders_.enter(s);
        receiver_.wake();
    }

    poll<T> receive(context& cx) {
        if (!held_.empty()) {
            poll<T> item{std::move(held_.front())};
            held_.drop_front();
            if (!senders_.empty()) [[unlikely]]
                refill();
            return item;
        }
        return receive_otherwise(cx);
    }

    /// Closes. Items in the buffer can still be received.
    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        room_ = 0;
        error_ = std::move(error);
        senders_.release_all(wait_state::refused);
        closing_.release_all(wait_state::granted);
        receiver_.wake();
    }

    void drop(T& item, drop_reason why) noexcept {
        if (on_drop_) on_drop_(std::move(item), why);
    }

    const waker* waiting() const noexcept { return receiver_.waiting(); }
    wait_queue<waiter>& closing() noexcept { return closing_; }

    void producers_left() noexcept { close(); }
    void consumers_left() noexcept {
        close();
        // An item's destructor that uses the channel finds it empty.
        ring_buffer<T> left;
        left.swap(held_);
        for (; !left.empty(); left.drop_front()) drop(left.front(), drop_reason::consumer_gone);
    }

private:
    [[gnu::noinline]] poll<T> receive_otherwise(context& cx) {
        if (!senders_.empty()) {
            poll<T> item{senders_.front().item()};
            senders_.release_front(wait_state::finished);
            return item;
        }
        if (!open_) {
            if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
            return done;
        }
        receiver_.arm(cx.waker());
        return pending;
    }

    friend described;

    void describe(wait_report& report) const {
        std::string text =
            held_.size() < capacity_ ? std::to_string(held_.size()) : "full: " + std::to_string(capacity_);
        text += " of " + std::to_string(capacity_) + " items are held; ";
        text += receiver_.armed() ? "the receiver asks, and none of " + std::to_string(producers()) + " senders sends"
                                  : "the receiver does not ask for an item";
        report.object(this, "weir::channel", text);
    }

    /// Accepts the items of waiting sends.
    [[gnu::noinline]] void refill() noexcept {
        while (!senders_.empty() && held_.size() < capacity_) {
            try {
                held_.push_back(senders_.front().item());
                senders_.release_front(wait_state::finished);
            } catch (...) {
                senders_.release_front(wait_state::fresh); // tries itself, so that an exception reaches its awaiter
            }
        }
    }

    ring_buffer<T> held_;
    std::size_t capacity_;
    std::size_t room_; // 0 when closed
    wait_queue<pending_send<T>> senders_{*this};
    described_slot receiver_{*this};
    wait_queue<waiter> closing_{*this};
    std::exception_ptr error_;
    drop_function<T> on_drop_;
    bool open_ = true;
};

} // namespace detail

template <class T>
struct channel_ends;
template <class T, std::integral N>
channel_ends<T> channel(N n, channel_options<T> options = {});

/// The sending end of a channel. It may be copied. The channel is closed when the last copy is destroyed and no send is
/// waiting.
template <class T>
class sender {
    using core = detail::channel_core<T>;

public:
    using value_type = T;

    /// `co_await tx.send(item)`: waits until the item is in the buffer or, when n is 0, until it was received. Waiting
    /// sends complete in order of arrival. Returns false when the channel is closed.
    ///
    /// An item that was refused, or whose send was dropped, is passed to on_drop. Use send_from to keep it.
    detail::send_operation<core, T> send(T item) const { return {producer_, std::move(item)}; }

    /// `co_await tx.send_from(item)`: like `send`, but moves from the item only when it is delivered. When the answer
    /// is false, or the send was dropped, the item is unchanged.
    ///
    ///     if (!co_await tx.send_from(job)) backlog.push_back(std::move(job));
    ///
    /// Lifetime: borrows the item until the send has ended or was dropped.
    detail::send_operation<core, T&> send_from(T& item) const { return {producer_, item}; }

    /// Sends without waiting. Moves from the item only when the buffer has room; never when n is 0.
    bool try_send(T&& item) const { return producer_->try_send(item); }
    bool try_send(const T& item) const
        requires std::copy_constructible<T>
    {
        if (producer_->size() >= producer_->capacity()) return false;
        T copy(item);
        return producer_->try_send(copy);
    }

    /// Closes the channel for all senders. Waiting sends return false. The receiver gets the items in the buffer, and
    /// then the end.
    void close() const noexcept { producer_->close(); }
    /// Closes the channel; the receiver fails with the error after the items in the buffer.
    void fail(std::exception_ptr error) const noexcept { producer_->close(std::move(error)); }

    /// Whether the channel was closed or its receiver destroyed, so that every send is refused.
    bool closed() const noexcept { return !producer_->open(); }
    /// `co_await tx.closing()`: waits until the channel is closed. Also a signal for take_until.
    detail::closing_operation<core> closing() const noexcept {
        return detail::closing_operation<core>{detail::handle<core, detail::role::other>{producer_}};
    }

    /// The number of items in the buffer.
    std::size_t size() const noexcept { return producer_->size(); }
    std::size_t capacity() const noexcept { return producer_->capacity(); }

private:
    template <class U, std::integral N>
    friend channel_ends<U> channel(N, channel_options<U>);

    explicit sender(core& c) noexcept : producer_{c} {}

    detail::handle<core, detail::role::producer> producer_;
};

/// The receiving end of a channel: a stream that ends when the channel is closed and empty. It may be moved at any
/// time. Its destructor passes the items in the buffer to on_drop.
template <class T>
class [[nodiscard("add a sink and co_await it")]] receiver {
public:
    using value_type = T;

    receiver(receiver&&) noexcept = default;
    receiver& operator=(receiver&&) noexcept = default;

    poll<T> poll_next(context& cx) { return consumer_->receive(cx); }

    /// Closes the channel. Waiting sends return false. The items in the buffer can still be received, and then the end.
    void close() noexcept { consumer_->close(); }

    /// The number of items in the buffer.
    std::size_t size() const noexcept { return consumer_->size(); }

    void outline(stage_outline& out) const {
        if (consumer_) out.holds(consumer_->capacity());
    }

private:
    template <class U, std::integral N>
    friend channel_ends<U> channel(N, channel_options<U>);

    friend detail::sole_waiter;

    const waker* waiting() const noexcept { return consumer_->waiting(); }

    explicit receiver(detail::channel_core<T>& core) noexcept : consumer_{core} {}

    detail::handle<detail::channel_core<T>, detail::role::consumer> consumer_;
};

/// The result of `channel`: both ends.
template <class T>
struct [[nodiscard("keep both ends: auto [tx, rx] = ...")]] channel_ends {
    weir::sender<T> sender;
    weir::receiver<T> receiver;
};

/// channel<T>(n): a queue of at most n items between tasks on one executor, with many senders and one receiver.
///
///     auto [tx, rx] = weir::channel<job>(16);
///     auto producer = ex.spawn(produce(std::move(tx)));             // co_await tx.send(job)
///     co_await (std::move(rx) | weir::for_each(work));              // ends when the last sender is destroyed
///
/// With n = 0 there is no buffer: an item is passed on when its sender waits and the receiver polls.
///
/// Items arrive in the order in which their sends were first polled. No item is lost or duplicated: until its delivery
/// an item is with its sender. A send may be dropped at any time, and so may `next(rx)`: the next call gets its item.
///
/// Dropped: the ends and waiting operations may be destroyed in any order. Items in the buffer of a destroyed receiver
/// are passed to options.on_drop; to keep them, `close` the receiver and receive the rest.
/// Threads: both ends belong to one executor.
/// Cost: one allocation, and the buffer, which grows to its largest size so far. No allocation per item.
/// See: oneshot, broadcast, concurrent_channel.
template <class T, std::integral N>
channel_ends<T> channel(N n, channel_options<T> options) {
    static_assert(detail::keepable<T>, "weir::channel<T>(n) keeps what is sent, and a T borrows its memory; send what "
                                       "owns it, such as std::string, or outlives(view)");
    const std::size_t capacity = detail::checked_count(n, "weir::channel<T>(n): n must not be negative");
    auto* core = new detail::channel_core<T>{capacity, std::move(options.on_drop)};
    return {sender<T>{*core}, receiver<T>{*core}};
}

template <class T>
inline constexpr bool thread_bound<sender<T>> = true;
template <class T>
inline constexpr bool thread_bound<receiver<T>> = true;

} // namespace weir
