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
#include <weir/core/item_traits.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/pending_send.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir {

template <class T>
struct subscribe_options {
    /// Items that are held for the subscriber at most, >= 1; one with overflow::latest.
    std::size_t capacity = 64;
    /// What happens to an item when so many are held.
    weir::overflow overflow = weir::overflow::suspend;
    /// Called with each item that it does not receive: dropped because of that, or held when it dies. It must neither
    /// throw nor destroy the subscription.
    std::function<void(T)> on_drop = {};
};

namespace detail {

/// What is held for one subscriber.
template <class T>
class subscriber : public list_link, public pooled {
public:
    /// @param next  the number of the first item that is for it
    subscriber(subscribe_options<T> options, std::uint64_t next) : options_{std::move(options)}, next_{next} {}
    ~subscriber() {
        for (; !held_.empty(); held_.drop_front()) drop(std::move(held_.front().item));
    }

    /// The others must wait until it has taken an item.
    bool blocks() const noexcept { return options_.overflow == overflow::suspend && held_.size() == options_.capacity; }

    /// True when it blocks from now on. What happens to an item that cannot be copied, or for which there is no memory,
    /// is this one's failure alone.
    bool offer(const T& item, std::uint64_t number) noexcept {
        if (error_ != nullptr) return false;
        try {
            if (held_.size() != options_.capacity) {
                held_.push_back(entry{item, number});
                wake();
                return blocks();
            }
            switch (options_.overflow) {
            case overflow::drop_oldest:
            case overflow::latest: {
                entry oldest(held_.replace_front(entry{item, number}));
                wake();
                drop(std::move(oldest.item));
                break;
            }
            case overflow::error:
                error_ =
                    std::make_exception_ptr(buffer_overflow{"weir::broadcast: overflow: a subscriber is behind, and " +
                                                            std::to_string(options_.capacity) + " items are held"});
                [[fallthrough]];
            default:
                ++dropped_;
                if (options_.on_drop) options_.on_drop(T(item));
            }
        } catch (...) {
            error_ = std::current_exception();
            wake();
        }
        return false;
    }

    /// The next of those that are held, if there is one.
    bool empty() const noexcept { return held_.empty(); }
    poll<T> take() {
        poll<T> item{std::move(held_.front().item)};
        missed_ = held_.front().number - next_;
        next_ = held_.front().number + 1;
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

    std::size_t size() const noexcept { return held_.size(); }
    std::uint64_t dropped() const noexcept { return dropped_; }
    std::uint64_t missed() const noexcept { return missed_; }

private:
    struct entry {
        T item;
        std::uint64_t number;
    };

    void drop(T&& item) noexcept {
        ++dropped_;
        if (options_.on_drop) options_.on_drop(std::move(item));
    }

    subscribe_options<T> options_;
    ring_buffer<entry> held_;
    waker_slot receiver_;
    std::exception_ptr error_;
    std::uint64_t next_; // the number of the item that comes next if none is dropped
    std::uint64_t missed_ = 0;
    std::uint64_t dropped_ = 0;
};

/// What the senders and the subscriptions of a broadcast share.
template <class T>
class broadcast_core : public shared_state {
public:
    bool open() const noexcept { return open_; }
    const std::exception_ptr& error() const noexcept { return error_; }
    std::uint64_t next() const noexcept { return next_; }

    bool try_send(const T& item) noexcept {
        if (!open_ || !may_deliver() || !senders_.empty()) return false;
        deliver(item);
        admit();
        return true;
    }
    void enter(pending_send<T>& s) noexcept { senders_.enter(s); }
    void drop(T&) noexcept {}

    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        error_ = std::move(error);
        senders_.release_all(wait_state::refused);
        each([](subscriber<T>& s) { s.wake(); });
    }
    void producers_left() noexcept { close(); }

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
    bool may_deliver() const noexcept { return blocking_ == 0 && !delivering_; }

    /// Calls f with every subscriber; f may make and destroy others.
    template <class F>
    void each(F f) noexcept {
        intrusive_list<subscriber<T>> rest;
        rest.take(subscribers_);
        while (!rest.empty()) {
            subscriber<T>& s = rest.pop_front();
            subscribers_.push_back(s);
            f(s);
        }
    }

    /// To each a copy.
    void deliver(const T& item) noexcept {
        const handle<broadcast_core, role::other> kept{*this}; // an on_drop may let go of all the rest
        const std::uint64_t number = next_++;
        delivering_ = true;
        each([&](subscriber<T>& s) { blocking_ += s.offer(item, number) ? 1u : 0u; });
        delivering_ = false;
    }

    void unblock() noexcept {
        --blocking_;
        admit();
    }

    /// Delivers the items of sends that wait.
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
    wait_queue<pending_send<T>> senders_;
    std::exception_ptr error_;
    std::uint64_t next_ = 0;
    std::size_t blocking_ = 0; // subscribers
    bool delivering_ = false;
    bool open_ = true;
};

} // namespace detail

template <class T>
class broadcast;

/// What comes to one subscriber of a broadcast: a stream, which ends when the broadcast is closed, after what is held.
/// It may be moved at any time.
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
        if (node_->error() != nullptr) std::rethrow_exception(node_->error());
        if (core_->open()) return node_->wait(cx);
        if (core_->error() != nullptr) std::rethrow_exception(core_->error());
        return done;
    }

    /// How many items were dropped between the one that came last and the one before it.
    std::uint64_t missed() const noexcept { return node_->missed(); }
    /// How many were dropped so far.
    std::uint64_t dropped() const noexcept { return node_->dropped(); }
    /// Items that are held.
    std::size_t size() const noexcept { return node_->size(); }

private:
    friend class broadcast<T>;
    friend detail::sole_waiter;
    using user = detail::handle<detail::broadcast_core<T>, detail::role::other>;

    subscription(user core, subscribe_options<T> options)
        : core_{std::move(core)}, node_{std::make_unique<detail::subscriber<T>>(std::move(options), core_->next())} {
        core_->enter(*node_);
    }

    const waker* waiting() const noexcept { return node_->waiting(); }

    user core_;
    std::unique_ptr<detail::subscriber<T>> node_;
};

/// broadcast<T>: every item to every subscriber, between tasks on one executor. Each subscriber says how much is held
/// for it, and what happens when that is full: the others wait for it, it loses items, or it is disconnected.
///
///     weir::broadcast<quote> quotes;
///     auto log = quotes.subscribe({.capacity = 1000});                                      // all: senders wait
///     auto show = quotes.subscribe({.overflow = weir::overflow::latest});                   // the newest
///     auto peer = quotes.subscribe({.capacity = 64, .overflow = weir::overflow::error});    // keeps up, or fails
///     co_await (feed() | weir::send(quotes));
///
/// A subscriber gets copies of what is sent from then on; what is sent while there are none goes nowhere. An item goes
/// to all at once, when there is room with all subscribers with overflow::suspend; items come in the order in which
/// their sends were first polled. A subscriber that leaves lets go of what was held for it, and of those who wait for
/// it.
///
/// May be copied; when the last copy goes, and no send is under way, the subscriptions end. All of them may die in any
/// order. One allocation for the broadcast and one a subscription; each buffer grows as far as it was ever filled; none
/// an item.
///
/// Threads: all copies and subscriptions belong to one executor.
template <class T>
class broadcast {
    static_assert(std::copy_constructible<T>,
                  "weir::broadcast<T>: each subscriber gets a copy, and T cannot be copied");
    static_assert(detail::keepable<T>, "weir::broadcast<T> keeps what is sent, and a T borrows its memory; send what "
                                       "owns it, such as std::string, or outlives(view)");
    using core = detail::broadcast_core<T>;

public:
    broadcast() : core_{*new core} {}

    /// @throws std::invalid_argument for a capacity of 0
    subscription<T> subscribe(subscribe_options<T> options = {}) const {
        if (options.overflow == overflow::latest) options.capacity = 1;
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::broadcast::subscribe({.capacity}): capacity must be at least 1"};
        }
        return {typename subscription<T>::user{core_}, std::move(options)};
    }

    /// `co_await b.send(item)`: true when all subscribers have it, false when the broadcast is closed. Waits for room
    /// with those that have overflow::suspend. A send that is dropped before it is done has reached nobody.
    detail::send_operation<core, T> send(T item) const { return {core_, std::move(item)}; }

    /// Sends, if it need not wait.
    bool try_send(const T& item) const noexcept { return core_->try_send(item); }

    /// Nothing is sent any more: sends that wait answer false. What is held is received, and then the end.
    void close() const noexcept { core_->close(); }
    /// The same, but the subscriptions fail with the error at the end.
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
