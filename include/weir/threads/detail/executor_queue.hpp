// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/adaptive_spin.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/remote_waker.hpp>

namespace weir::detail {

enum class demand {
    ahead,     ///< as many items as there is room for; renewed when three quarters of them were taken
    on_demand, ///< one item per poll
};

/// Checks a queue capacity that a user passed.
/// @param what  operator and argument, for the message
/// @throws std::invalid_argument when n is too large
inline std::size_t checked_queue_capacity(std::size_t n, const char* what) {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
    if (n > most) throw std::invalid_argument{what + (": more than " + std::to_string(most) + " items")};
    return n;
}

/// A bounded queue from one executor to another. Each end belongs to one thread. Both ends own the queue, and the last
/// to be destroyed destroys the remaining items.
///
/// Memory is allocated in segments on demand, and kept. A large capacity costs nothing until it is used.
///
/// The sender publishes items in batches: when it has no further item at the moment, when the receiver sleeps, and
/// after a fixed number of items. The receiver returns capacity in batches too, when three quarters were taken. An end
/// that waits spins for some turns before it sleeps.
template <class T>
class executor_queue final : public atomic_ref_counted {
public:
    executor_queue(std::size_t n, demand asks)
        : atomic_ref_counted{2},
          room_{n},
          batch_{std::clamp<std::size_t>(n / 4, 1, most_in_batch)},
          refill_{n - n / 4},
          places_{std::min(most_places, std::bit_ceil(std::clamp<std::size_t>(n, 16, most_places)))},
          asks_{asks},
          asked_{asks == demand::ahead ? n : 0} {
        // relaxed: no other thread has the queue yet
        sender_.allowed = receiver_.asked = asked_.load(std::memory_order_relaxed);
        if (asks == demand::ahead) receiver_.ask_at = refill_;
        sender_.flush_at = batch_;
    }

    std::size_t capacity() const noexcept { return room_; }

    // For the receiving thread.

    /// To be called in the receiver's first poll.
    void bind_receiver(context& cx) noexcept { receiver_waker_.bind(executor_access::inbox(cx.executor())); }

    poll<T> receive(context& cx) {
        if (receiver_.taken == receiver_.known) [[unlikely]] {
            if (const poll<unit> found = wait_for_items(cx); !found.is_item()) return found.template rebind<T>();
        }
        if (receiver_.taken == receiver_.segment_end) [[unlikely]]
            go_to_next_segment();
        T* const from = place(*receiver_.at, receiver_.taken);
        poll<T> item{std::move(*from)};
        std::destroy_at(from);
        if (++receiver_.taken == receiver_.ask_at) [[unlikely]]
            ask(receiver_.taken + room_);
        return item;
    }

    /// The receiver is destroyed.
    void cancel() noexcept {
        receiver_waker_.leave();
        receiver_is_.store(receiver::gone);
        if (sender_waker_.bound()) sender_waker_.wake();
        release();
    }

    // For the sending thread.

    /// Sets the inbox of the sender's executor. To be called before another thread has the queue.
    void bind_sender(std::shared_ptr<inbox> to) noexcept { sender_waker_.bind(std::move(to)); }

    bool cancelled() const noexcept { return receiver_is_.load(std::memory_order_relaxed) == receiver::gone; }
    /// Registers the context's waker, to be woken when the receiver is destroyed or frees room for a waiting sender.
    void arm_sender(context& cx) noexcept { sender_waker_.wait(cx); }

    bool has_room() noexcept { return sender_.sent != sender_.allowed || check_room(); }
    /// Whether there is room for an item. If not, the waker of `arm_sender` is woken when there is.
    bool has_room(context& cx) noexcept {
        if (sender_.sent != sender_.allowed) [[likely]]
            return true;
        return wait_for_room(cx);
    }

    void send(T&& item) {
        if (sender_.sent == sender_.segment_end) [[unlikely]]
            add_segment();
        std::construct_at(place(*sender_.at, sender_.sent), std::move(item));
        ++sender_.sent;
        if (sender_.sent == sender_.flush_at || receiver_is_.load(std::memory_order_relaxed) != receiver::awake)
            [[unlikely]]
            flush();
    }

    [[gnu::noinline]] void flush() noexcept { // so that send is inlined
        if (sender_.sent == sender_.published) return;
        sender_.published = sender_.sent;
        sender_.flush_at = sender_.sent + batch_;
        published_.store(sender_.sent);
        wake_receiver();
    }

    /// To be called when the sender ends, with or without an error.
    void close(std::exception_ptr error) noexcept {
        sender_waker_.leave();
        flush();
        error_ = std::move(error);
        closed_.store(true);
        wake_receiver();
        release();
    }

private:
    enum class receiver : std::uint8_t { awake, asleep, gone };

    static constexpr std::size_t most_in_batch = 256;
    // A few pages of small items.
    static constexpr std::size_t most_places = std::clamp<std::size_t>(std::bit_floor(8192 / sizeof(T)), 1, 256);

    /// Memory for a number of consecutive items.
    struct segment {
        explicit segment(std::size_t n) : places{n}, items{std::allocator<T>{}.allocate(n)} {}
        segment(const segment&) = delete;
        segment& operator=(const segment&) = delete;
        ~segment() { std::allocator<T>{}.deallocate(items, places); }

        const std::size_t places;
        T* const items;
        segment* next = nullptr; // the segment with the following items, or the next free segment
    };

    ~executor_queue() override {
        for (; receiver_.taken != sender_.sent; ++receiver_.taken) {
            if (receiver_.taken == receiver_.segment_end) go_to_next_segment();
            std::destroy_at(place(*receiver_.at, receiver_.taken));
        }
        for (segment* list : {receiver_.at != nullptr ? receiver_.at : first_, free_.load(), sender_.free}) {
            while (list != nullptr) delete std::exchange(list, list->next);
        }
    }

    T* place(const segment& of, std::size_t number) const noexcept { return of.items + (number & (places_ - 1)); }

    [[gnu::noinline]] void add_segment() {
        if (sender_.free == nullptr) sender_.free = free_.exchange(nullptr, std::memory_order_acquire); // give_back()
        segment* const fresh =
            sender_.free != nullptr ? std::exchange(sender_.free, sender_.free->next) : new segment{places_};
        fresh->next = nullptr;
        // The receiver reads the pointer after an item in the segment was published.
        (sender_.at != nullptr ? sender_.at->next : first_) = fresh;
        sender_.at = fresh;
        sender_.segment_end += places_;
    }

    [[gnu::noinline]] void go_to_next_segment() noexcept {
        segment* const done_with = std::exchange(receiver_.at, receiver_.at != nullptr ? receiver_.at->next : first_);
        receiver_.segment_end += places_;
        if (done_with != nullptr) give_back(*done_with);
    }
    void give_back(segment& s) noexcept {
        s.next = free_.load(std::memory_order_relaxed);
        // Release: pairs with the exchange in add_segment(), which takes all that are there.
        while (!free_.compare_exchange_weak(s.next, &s, std::memory_order_release, std::memory_order_relaxed)) {}
    }

    [[gnu::noinline]] poll<unit> wait_for_items(context& cx) {
        for (;;) {
            if (find_items(cx)) return unit{};
            if (closed_.load(std::memory_order_acquire)) { // pairs with close()
                if (find_items(cx)) return unit{};
                if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
                return done;
            }
            if (asks_ == demand::on_demand && receiver_.asked == receiver_.taken) ask(receiver_.taken + 1);
            if (receiver_.spin.again(receiver_.spin_limit, cx.executor().now())) return cx.yield();
            receiver_waker_.wait(cx);
            // All seq_cst, here and in flush() and close(): either this thread sees the update, or the updating thread
            // sees that this one is asleep.
            receiver_is_.store(receiver::asleep);
            if (published_.load() == receiver_.taken && !closed_.load()) return pending;
            receiver_is_.store(receiver::awake);
        }
    }

    bool find_items(context& cx) noexcept {
        receiver_.known = published_.load(std::memory_order_acquire); // pairs with flush()
        if (receiver_.known == receiver_.taken) return false;
        if (receiver_.spin.waited()) {
            receiver_.spin_limit = receiver_.spin.succeeded(receiver_.spin_limit, cx.executor().now());
        }
        return true;
    }

    void ask(std::size_t up_to) noexcept {
        receiver_.asked = up_to;
        if (asks_ == demand::ahead) receiver_.ask_at = receiver_.taken + refill_;
        asked_.store(up_to); // both seq_cst, as in wait_for_room()
        if (sender_sleeps_.load() && sender_sleeps_.exchange(false)) sender_waker_.wake();
    }

    bool check_room() noexcept {
        sender_.allowed = asked_.load(); // pairs with ask()
        return sender_.sent != sender_.allowed;
    }

    [[gnu::noinline]] bool wait_for_room(context& cx) noexcept {
        if (check_room()) {
            if (sender_.spin.waited()) {
                sender_.spin_limit = sender_.spin.succeeded(sender_.spin_limit, cx.executor().now());
            }
            return true;
        }
        flush();
        if (sender_.spin.again(sender_.spin_limit, cx.executor().now())) {
            static_cast<void>(cx.yield());
            return false;
        }
        sender_sleeps_.store(true);
        if (!check_room()) return false;
        sender_sleeps_.store(false);
        return true;
    }

    void wake_receiver() noexcept {
        receiver expected = receiver::asleep;
        if (receiver_is_.load() == expected && receiver_is_.compare_exchange_strong(expected, receiver::awake)) {
            receiver_waker_.wake();
        }
    }

    // All counts are of items since the queue was created.
    struct sending_end {
        std::size_t sent = 0;
        std::size_t published = 0;
        std::size_t flush_at = 0;
        std::size_t allowed = 0; // as last read from the other end
        std::size_t segment_end = 0;
        segment* at = nullptr;
        segment* free = nullptr;
        adaptive_spin spin;
        unsigned spin_limit = adaptive_spin::max_turns;
    };
    struct receiving_end {
        std::size_t taken = 0;
        std::size_t known = 0; // as last read from the other end
        std::size_t asked = 0;
        std::size_t ask_at = 0; // unused with demand::on_demand
        std::size_t segment_end = 0;
        segment* at = nullptr;
        adaptive_spin spin;
        unsigned spin_limit = adaptive_spin::max_turns;
    };

    // Separate cache lines for the constants, for each end's own state, and for what each end writes for the other.
    static constexpr std::size_t cache_line = 64;

    const std::size_t room_;
    const std::size_t batch_;
    const std::size_t refill_;
    const std::size_t places_; // of a segment
    const demand asks_;
    segment* first_ = nullptr; // written once, before the first item is published
    remote_waker receiver_waker_{*this};
    remote_waker sender_waker_{*this};
    std::exception_ptr error_; // written before closed_

    alignas(cache_line) sending_end sender_;
    alignas(cache_line) std::atomic<std::size_t> published_ = 0;
    std::atomic<bool> closed_ = false;
    alignas(cache_line) receiving_end receiver_;
    alignas(cache_line) std::atomic<std::size_t> asked_;
    std::atomic<segment*> free_ = nullptr; // segments that the receiver has emptied
    // Rarely written, and read once per item.
    alignas(cache_line) std::atomic<receiver> receiver_is_ = receiver::awake;
    std::atomic<bool> sender_sleeps_ = false;
};

/// The stream of the items that leave an executor_queue.
template <class T>
class executor_queue_receiver {
public:
    using value_type = T;

    explicit executor_queue_receiver(executor_queue<T>& from) noexcept : from_{&from} {}
    executor_queue_receiver(executor_queue_receiver&& other) noexcept
        : from_{std::exchange(other.from_, nullptr)}, polled_{std::exchange(other.polled_, false)} {}
    ~executor_queue_receiver() {
        if (from_ != nullptr) from_->cancel();
    }

    poll<T> poll_next(context& cx) {
        if (!polled_) [[unlikely]] {
            polled_ = true;
            from_->bind_receiver(cx);
        }
        return from_->receive(cx);
    }

    void outline(stage_outline& out) const {
        if (from_) out.holds(from_->capacity());
    }

private:
    executor_queue<T>* from_;
    bool polled_ = false;
};

/// An operation that sends the items of an upstream into an executor_queue, and closes the queue with the end or error.
template <stream S>
class executor_queue_sender {
public:
    using result_type = unit;

    executor_queue_sender(S&& upstream, executor_queue<item_t<S>>& to) try
        : upstream_{std::in_place, std::move(upstream)}, to_{&to} {
    } catch (...) {
        to.close(std::current_exception());
    }
    executor_queue_sender(executor_queue_sender&& other)
        : upstream_(std::move(other.upstream_)), to_{std::exchange(other.to_, nullptr)} {}
    ~executor_queue_sender() {
        if (to_ != nullptr) close(std::make_exception_ptr(stopped{}));
    }

    poll<unit> poll_result(context& outer) {
        nested_context cx{outer};
        to_->arm_sender(cx);
        try {
            for (;;) {
                if (to_->cancelled()) return close(nullptr);
                if (!to_->has_room(cx)) return pending;
                auto item = upstream_->poll_next(cx);
                if (item.is_done()) return close(nullptr);
                if (item.is_pending()) {
                    to_->flush();
                    return pending;
                }
                to_->send(*std::move(item));
                if (!cx.spend() || cx.leaving()) {
                    to_->flush();
                    return cx.yield();
                }
            }
        } catch (...) {
            return close(std::current_exception());
        }
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    unit close(std::exception_ptr error) noexcept {
        upstream_.reset(); // on its own thread, before the receiver sees the end
        std::exchange(to_, nullptr)->close(std::move(error));
        return {};
    }

    std::optional<S> upstream_;
    executor_queue<item_t<S>>* to_;
};

} // namespace weir::detail
