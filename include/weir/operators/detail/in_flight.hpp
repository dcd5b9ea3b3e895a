// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <forward_list>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir::detail {

/// Children with many items.
struct inner_streams {
    static constexpr bool one_item = false;

    template <class Child>
    using item = item_t<Child>;

    template <class Child>
    static poll<item_t<Child>> ask(Child& inner, context& cx) {
        return inner.poll_next(cx);
    }
};

/// Children with one item.
struct operations {
    static constexpr bool one_item = true;

    template <class Child>
    using item = typename Child::result_type;

    template <class Child>
    static poll<typename Child::result_type> ask(Child& operation, context& cx) {
        return operation.poll_result(cx);
    }
};

/// The order in which items of children are delivered.
enum class delivery {
    as_ready,
    as_started,
};

/// A limit in place of a number, such as a concurrency_limit. It has a `bound()` with a changing `value()` and a
/// `follow(waker)`, which wakes the waker when the value grows. `guard(f)` wraps a function so that its operations
/// observe the limit.
template <class L>
concept operation_limit = requires(L& limit, waker& operator_waker) {
    { limit.bound().value() } -> std::same_as<std::size_t>;
    limit.bound().follow(operator_waker);
};

/// Creates a child for each item of an upstream. At most `limit` children exist at a time, in flight or with an item to
/// be delivered.
///
/// Children run on their own wakers, and a driver polls upstream up to the limit, whether or not the consumer is busy.
/// Each child stores at most one item. Children are reused, so that nothing is allocated once there were `limit` of
/// them.
///
/// The end or an error of upstream is delivered after all children have ended. A child that fails, or whose creation
/// fails, ends the stream. With as_ready the others are dropped at once, and the error is delivered after their stored
/// and ready items. With as_started the later children are dropped, and the error is delivered in its place. With
/// as_ready and delay_error the first error is delivered after upstream and all children have ended.
///
/// Inner streams with as_started all run up to their first item. The first of them is polled further as its items are
/// taken, and the next takes its place when it has ended.
/// @tparam Limit  a number, or the bound of an operation_limit
template <stream S, class F, class Kind, delivery Order, class Limit = std::size_t>
class in_flight_stream {
    using child_t = std::invoke_result_t<F&, item_t<S>>;
    static constexpr bool streams_in_order = !Kind::one_item && Order == delivery::as_started;

public:
    using value_type = typename Kind::template item<child_t>;

    in_flight_stream(S upstream, Limit limit, F f, bool delay_error = false)
        : limit_(std::move(limit)), f_(std::move(f)), upstream_(std::move(upstream)), delay_error_{delay_error} {}

    poll<value_type> poll_next(context& cx) {
        if (!driver_.bound()) [[unlikely]] {
            driver_.bind(*this, cx.waker());
            puller_.bind(*this, cx.waker());
            if constexpr (!std::is_same_v<Limit, std::size_t>) limit_.follow(driver_);
        }
        cx.propagate_deadline_to(driver_);
        if (deliverable()) return deliver();
        for (;;) {
            if (!may_work()) {
                if (finished()) return finish();
                consumer_.arm(cx.waker());
                return pending;
            }
            if (!cx.spend() || cx.leaving()) return cx.yield();
            node* next = next_to_ask(cx);
            if (cx.stopping()) return pending;
            if (next != nullptr) {
                nested_context own{cx, *next};
                auto item = ask(*next, own);
                if (cx.stopping()) return pending;
                if (item.is_item()) {
                    if (Order == delivery::as_ready || (streams_in_order && next == &out_.front())) {
                        // Delivered without being stored.
                        delivered(*next);
                        return item;
                    }
                    hold(*next, std::move(item));
                    if (deliverable()) return deliver();
                } else if constexpr (streams_in_order) {
                    if (deliverable()) return deliver(); // the stream before it has ended
                }
            }
        }
    }

    const F& function() const noexcept { return f_; }

    void outline(stage_outline& out) const {
        const std::size_t n = limit();
        out.holds((Kind::one_item ? held_bound{.items = 1} : held_bound{.items = 2, .inner_streams = 1}) * n);
        out.upstream(upstream_);
    }

private:
    struct node : waker, queue_link {
        explicit node(in_flight_stream& parent) noexcept : waker{&run}, owner{parent} {}

        static void run(waker& self) noexcept {
            auto& me = static_cast<node&>(self);
            me.owner.woken(me);
        }

        bool holds() const noexcept { return !held.is_pending(); }
        bool hungry() const noexcept { return child && !awaited && !holds(); }
        bool ended() const noexcept { return !child && !holds(); }
        void drop() noexcept {
            awaited = false;
            child.reset();
            item.reset();
        }

        in_flight_stream& owner;
        std::optional<item_t<S>> item; // exists as long as the child, which may refer to it
        std::optional<child_t> child;
        poll<value_type> held{pending};
        node* next_free = nullptr;
        bool awaited = false; // its last answer was pending
    };

    friend described;

    void describe(wait_report& report) {
        report.stage(type_name<in_flight_stream>(), std::to_string(active_) + " of at most " + std::to_string(limit()) +
                                                        (Kind::one_item ? " operations" : " inner streams") +
                                                        " are in flight");
        for (node& n : nodes_) {
            if (n.child && n.awaited) report.cause(n);
        }
        if (pulling_) {
            report.stage(nullptr, "it has asked upstream for an item");
            report.cause(puller_);
        }
    }

    bool deliverable() noexcept {
        if constexpr (Order == delivery::as_ready) {
            return !out_.empty();
        } else {
            return !out_.empty() && out_.front().holds();
        }
    }

    poll<value_type> deliver() {
        node& first = streams_in_order ? out_.front() : out_.pop_front();
        poll<value_type> item(std::move(first.held));
        first.held = pending;
        delivered(first);
        return item;
    }
    void delivered(node& n) noexcept {
        if (Kind::one_item || closing_ || !n.child) {
            release(n);
        } else if constexpr (!streams_in_order) {
            hungry_.push_back(n);
        }
        if (may_work()) driver_.wake();
    }

    void hold(node& n, poll<value_type>&& item) {
        n.held = std::move(item);
        if (Kind::one_item || closing_) n.drop();
        if constexpr (Order == delivery::as_ready) out_.push_back(n);
    }

    std::size_t limit() const noexcept {
        if constexpr (std::is_same_v<Limit, std::size_t>) {
            return limit_;
        } else {
            return limit_.value();
        }
    }

    bool finished() const noexcept { return active_ == 0 && !upstream_; }
    poll<value_type> finish() {
        if (error_ != nullptr) std::rethrow_exception(error_);
        return done;
    }

    bool may_pull() const noexcept { return !pulling_ && active_ < limit() && upstream_; }
    bool may_work() noexcept { return any_hungry() || may_pull(); }
    bool any_hungry() noexcept {
        if constexpr (streams_in_order) return !out_.empty() && out_.front().hungry();
        return !hungry_.empty();
    }

    /// Returns a child for the next item of upstream, if there is one, or else a child whose item was taken. Ready
    /// children take turns.
    node* next_to_ask(context& cx) {
        if constexpr (!Kind::one_item) {
            if (!may_pull()) return streams_in_order ? &out_.front() : &hungry_.pop_front();
        }
        return pull(cx);
    }

    node* pull(context& cx) {
        node* fresh = nullptr;
        try {
            nested_context own{cx, puller_};
            auto item = upstream_->poll_next(own);
            if (!item.is_item()) {
                pulling_ = item.is_pending();
                if (!pulling_) upstream_.reset();
                return nullptr;
            }
            if (cx.stopping()) return nullptr;
            fresh = &acquire();
            fresh->item.emplace(*std::move(item));
            fresh->child.emplace(std::invoke(f_, *std::move(fresh->item)));
            return fresh;
        } catch (...) {
            if (fresh != nullptr) {
                fail(*fresh);
            } else {
                upstream_.reset();
                keep_error();
            }
            return nullptr;
        }
    }

    /// Returns an item; otherwise handles the end and errors and returns pending.
    poll<value_type> ask(node& n, context& own) {
        try {
            auto item = Kind::ask(*n.child, own);
            if (item.is_item()) return item;
            n.awaited = item.is_pending();
            if constexpr (streams_in_order) {
                if (item.is_done()) end_in_order(n);
            } else {
                if (item.is_done() || closing_) release(n);
            }
        } catch (...) {
            fail(n);
        }
        return pending;
    }

    /// A stream that has ended keeps its place until those before it have ended.
    void end_in_order(node& n) noexcept {
        n.drop();
        while (!out_.empty() && out_.front().ended()) release(out_.pop_front());
    }

    /// To be called in a catch block. Keeps the first of several delayed errors.
    void keep_error() noexcept {
        if (error_ == nullptr || !delay_error_) error_ = std::current_exception();
    }

    /// To be called in a catch block.
    void fail(node& failed) noexcept {
        if (!closing_) keep_error();
        if (closing_ || delay_error_) return release(failed);
        upstream_.reset();
        if constexpr (Order == delivery::as_ready) {
            closing_ = true;
            for (node& n : nodes_) {
                if (n.holds()) {
                    n.drop();
                } else if (&n == &failed || (n.child && !n.in_queue())) { // hungry children are polled once more
                    release(n);
                }
            }
        } else {
            linked_queue<node> before;
            while (&out_.front() != &failed) before.push_back(out_.pop_front());
            while (!out_.empty()) {
                out_.front().held = pending;
                release(out_.pop_front());
            }
            while (!before.empty()) out_.push_back(before.pop_front());
        }
    }

    /// Returns a child for an item of upstream.
    node& acquire() {
        if (free_ == nullptr) [[unlikely]] {
            free_ = &nodes_.emplace_front(*this);
            free_->bind(driver_);
        }
        node& n = *std::exchange(free_, free_->next_free);
        ++active_;
        if constexpr (Order == delivery::as_started) out_.push_back(n);
        return n;
    }
    void release(node& n) noexcept {
        n.drop();
        n.next_free = std::exchange(free_, &n);
        --active_;
    }

    // The functions below are called by the run queue.

    void woken(node& n) noexcept {
        if (!n.awaited) return; // a late wake
        n.awaited = false;
        context own{n};
        keep_item_of(n, own);
        tell();
        if (may_work()) driver_.wake();
    }

    void upstream_woken() noexcept {
        pulling_ = false;
        drive();
    }

    void drive() noexcept {
        context cx{driver_};
        while (may_work()) {
            if (!cx.spend() || cx.leaving()) {
                driver_.defer();
                break;
            }
            if (node* next = next_to_ask(cx); next != nullptr && !cx.stopping()) {
                nested_context own{cx, *next};
                keep_item_of(*next, own);
            }
            if (cx.stopping()) [[unlikely]]
                return;
        }
        tell();
    }

    /// Stores an item in a noexcept function, although the item's move may throw.
    void keep_item_of(node& n, context& own) noexcept {
        try {
            auto item = ask(n, own);
            if (item.is_item()) hold(n, std::move(item));
        } catch (...) {
            fail(n);
        }
    }

    void tell() noexcept {
        if (deliverable() || finished()) consumer_.wake();
    }

    Limit limit_;
    [[no_unique_address]] F f_;
    resettable<S> upstream_;
    std::forward_list<node> nodes_;
    node* free_ = nullptr;
    linked_queue<node> hungry_; // their item was taken; to be polled for the next
    linked_queue<node> out_;    // children that store an item; with as_started, all started children
    std::size_t active_ = 0;
    bool pulling_ = false; // upstream is pending and has not woken the driver since
    bool delay_error_;
    bool closing_ = false; // a child has failed: deliver the others' items, and then the error
    std::exception_ptr error_;
    described_slot consumer_{*this};
    member_waker<in_flight_stream, &in_flight_stream::drive> driver_;
    member_waker<in_flight_stream, &in_flight_stream::upstream_woken> puller_;
};

} // namespace weir::detail
