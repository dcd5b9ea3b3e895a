// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sync/channel.hpp>
#include <weir/threads/detail/event_count.hpp>

namespace weir {

namespace detail {

/// The state that the ends of a concurrent channel share: a ring of places, each with the ticket of its next user.
///
/// A sender takes the ticket at the tail and a receiver the one at the head, by compare-and-swap. Ticket i belongs to
/// the place i mod size. The place holds i while it is free for that sender, i + 1 while it holds the item, and i +
/// size once the item was taken. A ring of one place could not tell these apart. The tail has a bit for `closed`: once
/// it is set, no sender gets a ticket.
///
/// Head and tail are seq_cst, for the event counts: either a thread that moves them sees the sleeping waiter, or the
/// waiter sees the move. Each ticket in a place is stored with release and read with acquire, which publishes the item.
template <class T>
class concurrent_channel_core {
public:
    static constexpr std::size_t most = static_cast<std::size_t>(-1) / 4;

    concurrent_channel_core(std::size_t capacity, drop_function<T> on_drop)
        : capacity_{capacity},
          mask_{std::bit_ceil(std::max<std::size_t>(2, capacity)) - 1},
          places_{std::make_unique<place[]>(mask_ + 1)},
          on_drop_{std::move(on_drop)} {
        for (std::size_t i = 0; i <= mask_; ++i) places_[i].sequence.store(i, std::memory_order_relaxed);
    }
    concurrent_channel_core(const concurrent_channel_core&) = delete;
    concurrent_channel_core& operator=(const concurrent_channel_core&) = delete;

    std::size_t capacity() const noexcept { return capacity_; }
    std::size_t size() const noexcept {
        const std::size_t head = head_.load(); // read first: the tail is never behind the head
        const std::size_t n = (tail_.load() & ~closed_bit) - head;
        return n < capacity_ ? n : capacity_;
    }
    bool closed() const noexcept { return (tail_.load() & closed_bit) != 0; }

    /// Whether nothing can be sent now and a later receive will wake the senders.
    bool full() const noexcept { return size() == capacity_; }
    bool no_sending() const noexcept { return full() && !closed(); }
    bool no_receiving() const noexcept { return size() == 0 && !closed(); }

    /// Returns false when the ring is full or closed, or another thread still uses the next place.
    bool push(T& item) noexcept {
        std::size_t at = tail_.load(std::memory_order_relaxed);
        for (;;) {
            if ((at & closed_bit) != 0) return false;
            if (at - known_head_.load(std::memory_order_relaxed) >= capacity_) {
                const std::size_t head = head_.load(std::memory_order_relaxed);
                known_head_.store(head, std::memory_order_relaxed);
                if (at - head >= capacity_ && at - head <= ~closed_bit) return false;
            }
            place& p = places_[at & mask_];
            if (p.sequence.load(std::memory_order_acquire) != at) {
                const std::size_t now = tail_.load(std::memory_order_relaxed);
                if (now == at) return false;
                at = now;
                continue;
            }
            if (!tail_.compare_exchange_weak(at, at + 1)) continue;
            std::construct_at(p.item(), std::move(item));
            p.sequence.store(at + 1, std::memory_order_release);
            receivers.wake_one();
            return true;
        }
    }

    /// Returns `pending` when the ring is empty or another thread still uses the next place, and `done` when it is
    /// closed and empty.
    poll<T> pop() noexcept {
        std::size_t at = head_.load(std::memory_order_relaxed);
        for (;;) {
            place& p = places_[at & mask_];
            if (p.sequence.load(std::memory_order_acquire) != at + 1) [[unlikely]] {
                const std::size_t now = head_.load(std::memory_order_relaxed);
                if (now == at) return tail_.load() == (at | closed_bit) ? poll<T>{done} : poll<T>{pending};
                at = now;
                continue;
            }
            if (!head_.compare_exchange_weak(at, at + 1)) continue;
            poll<T> item{std::move(*p.item())};
            std::destroy_at(p.item());
            p.sequence.store(at + mask_ + 1, std::memory_order_release);
            senders.wake_one();
            return item;
        }
    }

    void close(std::exception_ptr error = nullptr) noexcept {
        {
            const std::lock_guard lock{closing_};
            if (closed()) return;
            error_ = std::move(error);
            tail_.fetch_or(closed_bit);
        }
        senders.wake_all();
        receivers.wake_all();
        closing.wake_all();
    }
    /// The error after the last item. To be called after the channel was seen closed.
    void rethrow() const {
        if (error_ != nullptr) std::rethrow_exception(error_);
    }

    void drop(T& item, drop_reason why) noexcept {
        if (on_drop_) on_drop_(std::move(item), why);
    }

    // The handles.

    void copy_sender() noexcept { senders_.fetch_add(1, std::memory_order_relaxed); }
    void copy_receiver() noexcept { receivers_.fetch_add(1, std::memory_order_relaxed); }
    // acq_rel: the last owner sees all writes of the others.
    void drop_sender() noexcept {
        if (senders_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        close();
        release();
    }
    void drop_receiver() noexcept {
        if (receivers_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        close();
        for (;;) {
            poll<T> left = pop();
            if (left.is_done()) break;
            if (left.is_item()) {
                drop(*left, drop_reason::consumer_gone);
            } else {
                std::this_thread::yield(); // a sender has the ticket and is about to store its item
            }
        }
        release();
    }

    event_count senders;
    event_count receivers;
    event_count closing;

private:
    static constexpr std::size_t closed_bit = ~(static_cast<std::size_t>(-1) >> 1);
    static constexpr std::size_t cache_line = 64;

    struct place {
        std::atomic<std::size_t> sequence;
        alignas(T) std::byte room[sizeof(T)];

        T* item() noexcept { return std::launder(reinterpret_cast<T*>(room)); }
    };

    void release() noexcept {
        if (ends_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    const std::size_t capacity_;
    const std::size_t mask_;
    const std::unique_ptr<place[]> places_;
    const drop_function<T> on_drop_;
    std::mutex closing_;
    std::exception_ptr error_; // set before the channel is closed
    std::atomic<std::size_t> senders_ = 1;
    std::atomic<std::size_t> receivers_ = 1;
    std::atomic<int> ends_ = 2;

    alignas(cache_line) std::atomic<std::size_t> tail_ = 0;
    std::atomic<std::size_t> known_head_ = 0; // a lower bound of head_
    alignas(cache_line) std::atomic<std::size_t> head_ = 0;
};

inline void must_not_block_an_executor(const char* what) {
    if (executor::current() != nullptr) throw std::logic_error{what};
}

/// The operation of `send` and `send_from`.
/// @tparam Item  T, or T& for an item that stays with its owner
template <class T, class Item>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] concurrent_send_operation {
public:
    using result_type = bool;

    concurrent_send_operation(concurrent_channel_core<T>& to, Item item) noexcept
        : to_{&to}, item_(std::forward<Item>(item)) {}
    concurrent_send_operation(concurrent_send_operation&& other) noexcept
        : to_{std::exchange(other.to_, nullptr)},
          item_(std::forward<Item>(other.item_)),
          parked_{std::move(other.parked_)} {}
    ~concurrent_send_operation() {
        if (to_ != nullptr) [[unlikely]]
            drop();
    }

    poll<bool> poll_result(context& cx) {
        if (!parked_ && to_->push(item_)) [[likely]] {
            to_ = nullptr;
            return true;
        }
        return wait_for_room(cx);
    }

private:
    [[gnu::noinline]] poll<bool> wait_for_room(context& cx) {
        if (!parked_) parked_.construct_with([] { return parked_operation{}; });
        for (;;) {
            if (to_->push(item_)) {
                parked_->succeeded(cx, to_->senders);
                parked_->end(to_->senders, [this] { return to_->no_sending(); });
                to_ = nullptr;
                return true;
            }
            if (to_->closed()) return false;
            if (!to_->full()) return cx.yield();
            if (parked_->park(cx, to_->senders, [this] { return to_->no_sending(); })) return pending;
        }
    }

    [[gnu::noinline]] void drop() noexcept {
        if (parked_) parked_->end(to_->senders, [this] { return to_->no_sending(); });
        if constexpr (!std::is_reference_v<Item>) {
            to_->drop(item_, to_->closed() ? drop_reason::refused : drop_reason::cancelled);
        }
    }

    concurrent_channel_core<T>* to_; // null once the item was delivered
    Item item_;
    manual_lifetime<parked_operation> parked_; // engaged once there was no room
};

/// The operation of `closing`.
template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] concurrent_closing_operation {
public:
    using result_type = unit;

    explicit concurrent_closing_operation(concurrent_channel_core<T>& of) noexcept : of_{&of} {}
    concurrent_closing_operation(concurrent_closing_operation&&) = default;
    ~concurrent_closing_operation() {
        if (parked_) parked_->end(of_->closing, [] { return true; });
    }

    poll<unit> poll_result(context& cx) {
        if (of_->closed()) return unit{};
        if (!parked_) parked_.construct_with([] { return parked_operation{adaptive_spin::sleep_at_once{}}; });
        for (;;) {
            if (of_->closed()) return unit{};
            if (parked_->park(cx, of_->closing, [this] { return !of_->closed(); })) return pending;
        }
    }

private:
    concurrent_channel_core<T>* of_;
    manual_lifetime<parked_operation> parked_;
};

} // namespace detail

template <class T>
struct concurrent_channel_ends;
template <class T, std::integral N>
concurrent_channel_ends<T> concurrent_channel(N n, channel_options<T> options = {});

/// The sending end of a concurrent channel. It may be copied. The channel is closed when the last copy is destroyed.
///
/// Lifetime: a copy must outlive its operations.
/// Threads: all members may be called on any thread, concurrently.
template <class T>
class concurrent_sender {
public:
    using value_type = T;

    concurrent_sender(const concurrent_sender& other) noexcept : to_{other.to_} {
        if (to_ != nullptr) to_->copy_sender();
    }
    concurrent_sender(concurrent_sender&& other) noexcept : to_{std::exchange(other.to_, nullptr)} {}
    concurrent_sender& operator=(concurrent_sender other) noexcept {
        std::swap(to_, other.to_);
        return *this;
    }
    ~concurrent_sender() {
        if (to_ != nullptr) to_->drop_sender();
    }

    /// `co_await tx.send(item)`: waits until the item is in the channel. Returns false when the channel is closed. An
    /// item that was refused, or whose send was dropped, is passed to on_drop. Use send_from to keep it.
    detail::concurrent_send_operation<T, T> send(T item) const noexcept { return {*to_, std::move(item)}; }

    /// `co_await tx.send_from(item)`: like `send`, but moves from the item only when it is delivered.
    ///
    /// Lifetime: borrows the item until the send has ended or was dropped.
    detail::concurrent_send_operation<T, T&> send_from(T& item) const noexcept { return {*to_, item}; }

    /// Sends without waiting. Moves from the item only when there is room.
    bool try_send(T&& item) const noexcept {
        while (!to_->push(item)) {
            if (to_->closed() || to_->full()) return false;
            std::this_thread::yield(); // another thread still uses the place
        }
        return true;
    }
    bool try_send(const T& item) const
        requires std::copy_constructible<T>
    {
        if (to_->closed() || to_->full()) return false;
        return try_send(T(item));
    }

    /// Like `send`, but blocks the thread. For threads without an executor.
    /// @throws std::logic_error on an executor's thread
    bool send_blocking(T item) const {
        const bool sent = send_from_blocking(item);
        if (!sent) to_->drop(item, drop_reason::refused);
        return sent;
    }
    /// Like `send_from`, but blocks the thread.
    /// @throws std::logic_error on an executor's thread
    bool send_from_blocking(T& item) const {
        detail::must_not_block_an_executor(
            "weir::concurrent_sender::send_blocking: called on an executor's thread, which would stand still; "
            "co_await send(item) there");
        detail::parked_thread me;
        for (;;) {
            const bool sent = to_->push(item);
            if (sent || to_->closed()) {
                me.leave(to_->senders, [this] { return to_->no_sending(); });
                return sent;
            }
            if (to_->full()) {
                me.park(to_->senders, [this] { return to_->no_sending(); });
            } else {
                std::this_thread::yield();
            }
        }
    }

    /// Closes the channel for all senders. Waiting sends return false. Receivers get the remaining items, and then the
    /// end.
    void close() const noexcept { to_->close(); }
    /// Closes the channel; every receiver fails with the error after the remaining items.
    void fail(std::exception_ptr error) const noexcept { to_->close(std::move(error)); }

    /// Whether the channel was closed or its last receiver destroyed, so that every send is refused.
    bool closed() const noexcept { return to_->closed(); }
    /// `co_await tx.closing()`: waits until the channel is closed. Also a signal for take_until.
    detail::concurrent_closing_operation<T> closing() const noexcept {
        return detail::concurrent_closing_operation<T>{*to_};
    }

    /// The number of items in the channel, at some time during the call.
    std::size_t size() const noexcept { return to_->size(); }
    std::size_t capacity() const noexcept { return to_->capacity(); }

private:
    template <class U, std::integral N>
    friend concurrent_channel_ends<U> concurrent_channel(N, channel_options<U>);

    explicit concurrent_sender(detail::concurrent_channel_core<T>& to) noexcept : to_{&to} {}

    detail::concurrent_channel_core<T>* to_;
};

/// The receiving end of a concurrent channel: a stream that ends when the channel is closed and empty. It may be moved
/// at any time. `clone` returns another receiver for another thread; each item is delivered to one receiver.
///
/// Dropped: the last receiver passes the remaining items to on_drop.
/// Threads: a receiver belongs to the executor of its first poll. Before that, and for receive_blocking, it may be used
/// on one thread at a time.
template <class T>
class [[nodiscard("add a sink and co_await it")]] concurrent_receiver {
public:
    using value_type = T;

    concurrent_receiver(concurrent_receiver&& other) noexcept
        : from_{std::exchange(other.from_, nullptr)}, parked_{std::move(other.parked_)} {}
    concurrent_receiver& operator=(concurrent_receiver other) noexcept {
        std::swap(from_, other.from_);
        std::swap(parked_, other.parked_);
        return *this;
    }
    ~concurrent_receiver() {
        if (from_ == nullptr) return;
        if (parked_ != nullptr) parked_->end(from_->receivers, [this] { return from_->no_receiving(); });
        from_->drop_receiver();
    }

    concurrent_receiver clone() const noexcept {
        from_->copy_receiver();
        return concurrent_receiver{*from_};
    }

    poll<T> poll_next(context& cx) {
        poll<T> item = from_->pop();
        if (item.is_item() && !waited_) [[likely]]
            return item;
        return after_a_wait(cx, std::move(item));
    }

    /// Receives an item without waiting, if there is one.
    std::optional<T> try_receive() noexcept {
        for (;;) {
            poll<T> item = from_->pop();
            if (item.is_item()) return *std::move(item);
            if (item.is_done() || from_->size() == 0) return std::nullopt;
            std::this_thread::yield(); // another thread still uses the place
        }
    }

    /// Blocks the thread until there is an item; returns std::nullopt at the end. For threads without an executor.
    /// @throws the error of `fail`; std::logic_error on an executor's thread
    std::optional<T> receive_blocking() {
        detail::must_not_block_an_executor(
            "weir::concurrent_receiver::receive_blocking: called on an executor's thread, which would stand still; "
            "co_await weir::next(receiver) there");
        detail::parked_thread me;
        for (;;) {
            poll<T> item = from_->pop();
            if (!item.is_pending()) {
                me.leave(from_->receivers, [this] { return from_->no_receiving(); });
                if (item.is_item()) return *std::move(item);
                from_->rethrow();
                return std::nullopt;
            }
            if (from_->size() == 0) {
                me.park(from_->receivers, [this] { return from_->no_receiving(); });
            } else {
                std::this_thread::yield();
            }
        }
    }

    /// Closes the channel. Waiting sends return false. The remaining items can still be received, and then the end.
    void close() noexcept { from_->close(); }

    /// The number of items in the channel, at some time during the call.
    std::size_t size() const noexcept { return from_->size(); }

    void outline(stage_outline& out) const {
        if (from_) out.holds(from_->capacity());
    }

private:
    template <class U, std::integral N>
    friend concurrent_channel_ends<U> concurrent_channel(N, channel_options<U>);

    explicit concurrent_receiver(detail::concurrent_channel_core<T>& from) noexcept : from_{&from} {}

    [[gnu::noinline]] poll<T> after_a_wait(context& cx, poll<T> item) {
        const auto blocked = [this] { return from_->no_receiving(); };
        for (; item.is_pending(); item = from_->pop()) {
            if (from_->size() != 0) return cx.yield();
            waited_ = true;
            if (parked_ == nullptr) parked_ = std::make_unique<detail::parked_operation>();
            if (parked_->park(cx, from_->receivers, blocked)) return pending;
        }
        if (parked_ != nullptr) {
            parked_->succeeded(cx, from_->receivers);
            parked_->leave(from_->receivers, blocked);
        }
        waited_ = false;
        if (item.is_done()) from_->rethrow();
        return item;
    }

    detail::concurrent_channel_core<T>* from_;
    std::unique_ptr<detail::parked_operation> parked_; // created once there was no item
    bool waited_ = false;
};

/// The result of `concurrent_channel`: both ends.
template <class T>
struct [[nodiscard("keep both ends: auto [tx, rx] = ...")]] concurrent_channel_ends {
    concurrent_sender<T> sender;
    concurrent_receiver<T> receiver;
};

/// concurrent_channel<T>(n): a queue of at most n items, n >= 1, between executors and threads, with many senders and
/// many receivers.
///
///     auto [tx, rx] = weir::concurrent_channel<job>(64);
///     auto producer = rt.spawn_on(0, [tx = std::move(tx)] { return produce(tx); });           // co_await tx.send(job)
///     auto consumer = rt.spawn_on(1, [rx = std::move(rx)]() mutable { return std::move(rx) | weir::for_each(work); });
///
/// Threads without an executor use `tx.send_blocking(job)` and `rx.receive_blocking()`.
///
/// The items of a sender arrive in the order of its sends. Each item is delivered to one receiver. No item is lost or
/// duplicated: until an item is in the channel it is with its sender. A send may be dropped at any time, and so may
/// `next(rx)`.
///
/// A waiting end spins for some turns of its executor before it sleeps; only waking a sleeping end costs a system call.
/// Sleeping ends are woken in order of arrival, but an end that arrives at the same time may overtake them.
///
/// There is no n = 0, because a direct hand-over between threads would need two wake-ups per item.
///
/// Dropped: the ends may be closed and destroyed in any order, on any thread, and may outlive the executors. Items that
/// are never received are passed to options.on_drop, on any of the threads.
/// Threads: see concurrent_sender and concurrent_receiver.
/// Cost: two allocations for the channel and one per waiting receiver. No allocation per item.
/// See: channel, publish_on.
///
/// @tparam T  its move constructor must not throw
/// @throws std::invalid_argument when n is less than 1 or too large
template <class T, std::integral N>
concurrent_channel_ends<T> concurrent_channel(N n, channel_options<T> options) {
    if constexpr (!std::is_nothrow_move_constructible_v<T> || !std::is_nothrow_destructible_v<T>) {
        static_assert(detail::always_false<T>,
                      "weir::concurrent_channel<T>(n): to move a T from thread to thread must not throw; wrap it in a "
                      "std::unique_ptr");
    } else {
        static_assert(detail::crossable<T>,
                      "weir::concurrent_channel<T>(n): T crosses threads, and is bound to its thread, "
                      "as weir::bytes are, or borrows its memory; send what owns it, such as "
                      "bytes.to_string()");
        const std::size_t capacity =
            detail::at_least_one(n, "weir::concurrent_channel<T>(n): there must be room for at least 1 item");
        if (capacity > detail::concurrent_channel_core<T>::most) {
            throw std::invalid_argument{"weir::concurrent_channel<T>(n): n is too large"};
        }
        auto* core = new detail::concurrent_channel_core<T>{capacity, std::move(options.on_drop)};
        return {concurrent_sender<T>{*core}, concurrent_receiver<T>{*core}};
    }
}

} // namespace weir
