// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/pending_send.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

template <class T>
struct channel_options {
    /// Called with each item that was given to the channel and that nobody will receive: what a receiver leaves behind
    /// when it dies, and what a `send(item)` holds that was refused or dropped. It must not throw.
    std::function<void(T)> on_drop = {};
};

namespace detail {

/// What the two ends of a channel share.
///
/// Nobody waits with a send while there is room, and the receiver does not wait while there is an item: a sender that
/// is woken has been rid of its item, or of its hope, and passes nothing on.
template <class T>
class channel_core : public shared_state {
public:
    channel_core(std::size_t capacity, std::function<void(T)> on_drop)
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

    /// What is held can still be received.
    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        room_ = 0;
        error_ = std::move(error);
        senders_.release_all(wait_state::refused);
        closing_.release_all(wait_state::granted);
        receiver_.wake();
    }

    void drop(T& item) noexcept {
        if (on_drop_) on_drop_(std::move(item));
    }

    const waker* waiting() const noexcept { return receiver_.waiting(); }
    wait_queue<waiter>& closing() noexcept { return closing_; }

    void producers_left() noexcept { close(); }
    void consumers_left() noexcept {
        close();
        // Whatever an item's destructor does to the channel finds it empty.
        ring_buffer<T> left;
        left.swap(held_);
        for (; !left.empty(); left.drop_front()) drop(left.front());
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

    /// Lets in the sends that wait.
    [[gnu::noinline]] void refill() noexcept {
        while (!senders_.empty() && held_.size() < capacity_) {
            try {
                held_.push_back(senders_.front().item());
                senders_.release_front(wait_state::finished);
            } catch (...) {
                senders_.release_front(wait_state::fresh); // it tries itself, and fails where it is awaited
            }
        }
    }

    ring_buffer<T> held_;
    std::size_t capacity_;
    std::size_t room_; // 0 when closed
    wait_queue<pending_send<T>> senders_;
    waker_slot receiver_;
    wait_queue<waiter> closing_;
    std::exception_ptr error_;
    std::function<void(T)> on_drop_;
    bool open_ = true;
};

} // namespace detail

template <class T>
struct channel_ends;
template <class T, std::integral N>
channel_ends<T> channel(N n, channel_options<T> options = {});

/// The end of a channel that items go in. May be copied; when the last copy goes, and no send is under way, the channel
/// is closed.
template <class T>
class sender {
    using core = detail::channel_core<T>;

public:
    using value_type = T;

    /// `co_await tx.send(item)`: true when the item is in the channel's buffer or, where that is full or n is 0, when
    /// it was received; waits until then, behind those that waited before. False when the channel is closed.
    ///
    /// An item that was refused, or whose send is dropped before it is done, goes to on_drop. To have it back, use
    /// send_from.
    detail::send_operation<core, T> send(T item) const { return {producer_, std::move(item)}; }

    /// `co_await tx.send_from(item)`: the same for an item that stays where it is, and is moved from when, and only
    /// when, it is delivered. So if the answer is false, or there is none because the send was dropped, item is as it
    /// was.
    ///
    ///     if (!co_await tx.send_from(job)) backlog.push_back(std::move(job));
    ///
    /// Lifetime: borrows item until the send is done or dropped.
    detail::send_operation<core, T&> send_from(T& item) const { return {producer_, item}; }

    /// Moves from the item if there is room for it in the buffer, and only then. Never when n is 0.
    bool try_send(T&& item) const { return producer_->try_send(item); }
    bool try_send(const T& item) const
        requires std::copy_constructible<T>
    {
        if (producer_->size() >= producer_->capacity()) return false;
        T copy(item);
        return producer_->try_send(copy);
    }

    /// Nothing goes in any more, from any sender: sends that wait answer false. What is in the buffer is received, and
    /// then the end.
    void close() const noexcept { producer_->close(); }
    /// The same, but the receiver fails with the error at the end.
    void fail(std::exception_ptr error) const noexcept { producer_->close(std::move(error)); }

    /// The channel was closed, or its receiver is gone: what is sent will be refused.
    bool closed() const noexcept { return !producer_->open(); }
    /// `co_await tx.closing()`: waits until it is. Also a signal for take_until.
    detail::closing_operation<core> closing() const noexcept {
        return detail::closing_operation<core>{detail::handle<core, detail::role::other>{producer_}};
    }

    /// Items in the buffer.
    std::size_t size() const noexcept { return producer_->size(); }
    std::size_t capacity() const noexcept { return producer_->capacity(); }

private:
    template <class U, std::integral N>
    friend channel_ends<U> channel(N, channel_options<U>);

    explicit sender(core& c) noexcept : producer_{c} {}

    detail::handle<core, detail::role::producer> producer_;
};

/// The end of a channel that items come out of: a stream, which ends when the channel is closed and empty. It may be
/// moved at any time. When it dies what is in the buffer goes to on_drop.
template <class T>
class [[nodiscard("add a sink and co_await it")]] receiver {
public:
    using value_type = T;

    receiver(receiver&&) noexcept = default;
    receiver& operator=(receiver&&) noexcept = default;

    poll<T> poll_next(context& cx) { return consumer_->receive(cx); }

    /// Nothing goes in any more: sends that wait answer false. What is in the buffer can still be received, and then
    /// the end.
    void close() noexcept { consumer_->close(); }

    /// Items in the buffer.
    std::size_t size() const noexcept { return consumer_->size(); }

private:
    template <class U, std::integral N>
    friend channel_ends<U> channel(N, channel_options<U>);

    friend detail::sole_waiter;

    const waker* waiting() const noexcept { return consumer_->waiting(); }

    explicit receiver(detail::channel_core<T>& core) noexcept : consumer_{core} {}

    detail::handle<detail::channel_core<T>, detail::role::consumer> consumer_;
};

/// What `channel` gives.
template <class T>
struct [[nodiscard("keep both ends: auto [tx, rx] = ...")]] channel_ends {
    weir::sender<T> sender;
    weir::receiver<T> receiver;
};

/// channel<T>(n): a queue of at most n items between tasks on one executor, with many senders and one receiver.
///
///     auto [tx, rx] = weir::channel<job>(16);
///     auto producer = ex.spawn(produce(std::move(tx)));             // co_await tx.send(job)
///     co_await (std::move(rx) | weir::for_each(work));              // to the end: when the last sender has gone
///
/// With n = 0 there is no buffer: an item goes from hand to hand, when its sender waits and the receiver asks.
///
/// Items come out in the order in which their sends were first polled. Nothing is lost and nothing comes twice: until
/// an item is delivered it is with its sender. A send may be dropped at any time, and `next(rx)` too: the item that it
/// would have got is the answer of the next one. What was delivered and is not received, because the receiver dies,
/// goes to options.on_drop; to have it back, `close` the receiver and receive the rest.
///
/// The ends, and what waits, may die in any order. One allocation for the channel; the buffer grows as far as it was
/// ever filled; none an item.
///
/// Threads: both ends belong to one executor.
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
