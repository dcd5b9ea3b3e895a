// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/remote_event.hpp>

namespace weir {

template <class T>
struct from_callback_options {
    /// The maximum number of held items; with overflow::latest it is one.
    std::size_t capacity = 64;
    /// What happens to an item when `capacity` items are held.
    weir::overflow overflow = weir::overflow::suspend;
    /// Called with each dropped item, on the thread that emits.
    drop_function<T> on_drop = {};
};

namespace detail {

/// The state that a stream shares with its emitters. The mutex guards all of it except the options.
template <class T>
class callback_queue {
public:
    std::size_t capacity() const noexcept { return options_.capacity; }

    explicit callback_queue(from_callback_options<T> options) : options_{std::move(options)} {}
    callback_queue(const callback_queue&) = delete;
    callback_queue& operator=(const callback_queue&) = delete;

    // For emitters, on any thread.

    bool emit(T item) {
        std::unique_lock lock{mutex_};
        if (closed_) return false;
        if (held_.size() != options_.capacity) return push(std::move(item));
        if (options_.overflow == overflow::suspend) return wait_for_room(lock) && push(std::move(item));
        if (drops_oldest(options_.overflow)) {
            T oldest(held_.replace_front(std::move(item)));
            notify();
            drop(std::move(oldest), lock);
            return true;
        }
        if (options_.overflow == overflow::error)
            close(
                std::make_exception_ptr(overflow_of("weir::from_callback: overflow: the consumer", options_.capacity)));
        drop(std::move(item), lock);
        return false;
    }

    void end(std::exception_ptr error) noexcept {
        const std::lock_guard lock{mutex_};
        if (!closed_) close(std::move(error));
    }

    std::uint64_t dropped() const noexcept {
        const std::lock_guard lock{mutex_};
        return dropped_;
    }
    bool closed() const noexcept {
        const std::lock_guard lock{mutex_};
        return closed_;
    }

    // For the stream, on its executor's thread.

    void open(remote_event& event) noexcept {
        const std::lock_guard lock{mutex_};
        event_ = &event;
        consumer_ = std::this_thread::get_id();
    }

    /// Returns an answer. After `pending` the event is notified when there is another answer.
    poll<T> take() {
        const std::lock_guard lock{mutex_};
        consumer_ = std::this_thread::get_id();
        if (!held_.empty()) {
            poll<T> item(std::move(held_.front()));
            held_.drop_front();
            if (suspended_ != 0) room_.notify_one();
            return item;
        }
        if (closed_) {
            if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
            return done;
        }
        waiting_ = true;
        return pending;
    }

    /// To be called when the stream, and its event with it, is destroyed.
    void abandon() noexcept {
        ring_buffer<T> unwanted; // destroyed after the mutex was unlocked
        const std::lock_guard lock{mutex_};
        event_ = nullptr;
        unwanted.swap(held_);
        if (!closed_) close(nullptr);
    }

private:
    bool push(T item) {
        held_.push_back(std::move(item));
        notify();
        return true;
    }

    /// Drops an item. Unlocks the mutex first.
    void drop(T item, std::unique_lock<std::mutex>& lock) {
        ++dropped_;
        lock.unlock();
        if (options_.on_drop) options_.on_drop(std::move(item), drop_reason::overflow);
    }

    bool wait_for_room(std::unique_lock<std::mutex>& lock) {
        if (std::this_thread::get_id() == consumer_) {
            throw std::logic_error{
                "weir::from_callback: emit would wait forever: " + std::to_string(options_.capacity) +
                " items are held, and this thread is the one that consumes them"};
        }
        ++suspended_;
        room_.wait(lock, [this] { return closed_ || held_.size() != options_.capacity; });
        --suspended_;
        return !closed_;
    }

    void close(std::exception_ptr error) noexcept {
        closed_ = true;
        error_ = std::move(error);
        room_.notify_all();
        notify();
    }

    /// To be called with the mutex locked: the event exists as long as event_ points to it.
    void notify() noexcept {
        if (std::exchange(waiting_, false) && event_ != nullptr) event_->notify();
    }

    const from_callback_options<T> options_;
    mutable std::mutex mutex_;
    std::condition_variable room_;
    ring_buffer<T> held_;
    std::exception_ptr error_;
    remote_event* event_ = nullptr;
    std::thread::id consumer_; // the thread of the last poll
    std::uint64_t dropped_ = 0;
    std::size_t suspended_ = 0; // the number of threads that wait for room
    bool waiting_ = false;      // the stream waits for the event
    bool closed_ = false;       // by an emitter, or because the stream was destroyed
};

/// Ends the stream when the last emitter is destroyed.
template <class T>
class emitting_end {
public:
    explicit emitting_end(std::shared_ptr<callback_queue<T>> queue) noexcept : queue_{std::move(queue)} {}
    emitting_end(const emitting_end&) = delete;
    emitting_end& operator=(const emitting_end&) = delete;
    ~emitting_end() { queue_->end(nullptr); }

    callback_queue<T>& queue() noexcept { return *queue_; }

private:
    std::shared_ptr<callback_queue<T>> queue_;
};

} // namespace detail

/// The sending end of `from_callback`. It may be copied. The stream ends when the last copy is destroyed.
///
/// Threads: all members may be called on any thread, concurrently. The items of one thread stay in order.
template <class T>
class emitter {
public:
    /// Sends an item. Returns false when the item was dropped, or the stream has ended or was destroyed. With
    /// overflow::suspend it blocks the thread until there is room or the stream has ended.
    /// @throws std::logic_error when it would have to block the thread that consumes the stream
    bool emit(T item) const { return end_->queue().emit(std::move(item)); }

    /// Ends the stream after the held items. Later calls of `emit`, `end` and `fail` have no effect.
    void end() const noexcept { end_->queue().end(nullptr); }
    /// Makes the stream fail after the held items.
    void fail(std::exception_ptr error) const noexcept { end_->queue().end(std::move(error)); }

    /// Whether the stream has ended or was destroyed, so that it takes no items.
    bool closed() const noexcept { return end_->queue().closed(); }
    /// The number of items that were dropped because there was no room.
    std::uint64_t dropped() const noexcept { return end_->queue().dropped(); }

private:
    template <class, class>
    friend class from_callback_stream;

    explicit emitter(std::shared_ptr<detail::callback_queue<T>> queue)
        : end_{std::make_shared<detail::emitting_end<T>>(std::move(queue))} {}

    std::shared_ptr<detail::emitting_end<T>> end_;
};

/// The stream of the items that emitters send.
template <class T, class Register>
class [[nodiscard("add a sink and co_await it")]] from_callback_stream {
public:
    using value_type = T;

    from_callback_stream(Register connect, from_callback_options<T> options)
        : queue_{std::make_shared<detail::callback_queue<T>>(std::move(options))}, connect_(std::move(connect)) {}
    from_callback_stream(from_callback_stream&& other)
        : queue_{std::move(other.queue_)}, connect_(std::move(other.connect_)), checker_{std::move(other.checker_)} {}
    ~from_callback_stream() {
        if (queue_ != nullptr) leave();
    }

    poll<T> poll_next(context& cx) {
        checker_.check();
        try {
            if (!event_) connect(cx);
            for (;;) {
                auto item = queue_->take();
                if (item.is_done()) leave();
                // The event was notified for an earlier poll.
                if (item.is_pending() && event_->poll(cx)) continue;
                return item;
            }
        } catch (...) {
            leave();
            throw;
        }
    }

    void outline(stage_outline& out) const {
        if (queue_) out.holds(queue_->capacity());
    }

private:
    using connection_t = std::invoke_result_t<Register&, emitter<T>>;

    void connect(context& cx) {
        event_.emplace(cx.executor());
        queue_->open(*event_);
        if constexpr (std::is_void_v<connection_t>) {
            std::invoke(connect_, emitter<T>{queue_});
        } else {
            connection_.emplace(std::invoke(connect_, emitter<T>{queue_}));
        }
    }

    /// Closes the queue first: destroying the connection may wait for a thread that waits in the queue.
    void leave() noexcept {
        queue_->abandon();
        connection_.reset();
        event_.reset();
        checker_.ended();
    }

    std::shared_ptr<detail::callback_queue<T>> queue_;
    Register connect_;
    std::optional<remote_event> event_;
    std::optional<std::conditional_t<std::is_void_v<connection_t>, unit, connection_t>> connection_;
    detail::poll_checker checker_;
};

/// from_callback<T>(connect, options): the arguments of a callback as a stream of T.
///
///     weir::from_callback<reading>([&](weir::emitter<reading> out) {
///         return sensor.subscribe([out](const reading& r) { out.emit(r); });
///     }, {.capacity = 16, .overflow = weir::overflow::drop_oldest})
///
/// The first poll calls connect, on the executor's thread, with an emitter. The stream keeps the result of connect,
/// such as an object that unsubscribes in its destructor, until it ends or is dropped.
///
/// The stream holds at most options.capacity items; options.overflow decides what happens to further ones.
///
/// Ends: when the emitter ends the stream, or its last copy is destroyed, after the held items. To stop and still
/// receive the held items, keep a copy of the emitter and call `end()`. While the result of connect holds a copy, the
/// stream ends by `end()` or `fail()` only.
/// Errors: exceptions of connect; those passed to `emitter::fail`, after the held items; buffer_overflow with
/// overflow::error.
/// Dropped: destroys the result of connect and the held items. Waiting emitters return before, so that the destructor
/// of that result may join the thread that emits. `closed()` is true for all.
/// Threads: the emitter may be used on any thread. The stream belongs to its executor, which must outlive it.
/// Cost: no allocation per item once the buffer has reached its largest size.
/// See: channel, concurrent_channel.
template <class T, class Register>
auto from_callback(Register connect, from_callback_options<T> options = {}) {
    if constexpr (!std::invocable<Register&, emitter<T>>) {
        static_assert(detail::always_false<T>,
                      "weir::from_callback<T>(connect): connect cannot be called with a weir::emitter<T>");
        return detail::invalid_pipeline{};
    } else {
        static_assert(detail::crossable<T>,
                      "weir::from_callback<T>(connect): T crosses threads, and is bound to its thread, "
                      "as weir::bytes are, or borrows its memory; emit what owns it, such as "
                      "bytes.to_string()");
        if (options.overflow == overflow::latest) options.capacity = 1;
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::from_callback(connect, {.capacity}): capacity must be at least 1"};
        }
        return from_callback_stream<T, Register>{std::move(connect), std::move(options)};
    }
}

} // namespace weir
