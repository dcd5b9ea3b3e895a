// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir::detail {

template <class T>
struct side_options {
    /// The maximum number of items held for the sink, >= 1; with overflow::latest it is one.
    std::size_t capacity = 1;
    /// What happens to an item when `capacity` items are held. With overflow::suspend the operator asks for room first.
    weir::overflow overflow = weir::overflow::suspend;
    /// Called with each item that the sink does not receive, until it has ended.
    drop_function<T> on_drop = {};
};

/// The items that are held for a sink beside the stream. The operator is the producer. The sink's stream is the
/// consumer; it may outlive the operator, when the sink has given it to a task.
template <class T>
class side_queue : public shared_state {
public:
    explicit side_queue(side_options<T> options) : options_(std::move(options)) {
        if (options_.overflow == overflow::latest) options_.capacity = 1;
    }

    // For the operator.

    std::size_t capacity() const noexcept { return options_.capacity; }
    bool full() const noexcept { return held_.size() == options_.capacity; }
    pending_t wait_for_room(context& cx) noexcept {
        room_.arm(cx.waker());
        return pending;
    }
    /// Copies an item for the sink, unless it has ended. A copy that fails is a failure of the sink. Returns false when
    /// no function of the user's was called.
    bool push(const T& item) noexcept {
        if (!open_) [[unlikely]]
            return false;
        bool called = !std::is_trivially_copy_constructible_v<T>;
        try {
            if (!full()) [[likely]] {
                held_.push_back(item);
                notify();
            } else {
                called = true;
                push_over(item);
            }
        } catch (...) {
            close(std::current_exception());
        }
        return called;
    }
    /// Moves an item to the sink, for which there is room, or drops it when the sink has ended.
    void give(T&& item) {
        if (!open_) return drop(std::move(item), drop_reason::consumer_gone);
        held_.push_back(std::move(item));
        notify();
    }
    /// The sink sees the end, or the error, after the held items.
    void close(std::exception_ptr error = nullptr) noexcept {
        if (!open_) return;
        open_ = false;
        error_ = std::move(error);
        notify();
    }
    void producers_left() noexcept { close(); }

    // For the sink.

    bool empty() const noexcept { return held_.empty(); }
    poll<T> take() {
        poll<T> item(std::move(held_.front()));
        held_.drop_front();
        room_.wake();
        return item;
    }
    /// To be called when no item is held. Returns the end, or throws the error, after the last item.
    poll<T> wait_for_item(context& cx) {
        if (open_) [[likely]] {
            receiver_.arm(cx.waker());
            return pending;
        }
        if (error_ != nullptr) std::rethrow_exception(error_);
        return done;
    }
    const waker* waiting() const noexcept { return receiver_.waiting(); }
    void consumers_left() noexcept {
        open_ = false;
        room_.wake();
        for (; !held_.empty(); held_.drop_front()) drop(std::move(held_.front()), drop_reason::consumer_gone);
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, "the items for a sink beside the stream",
                      full() ? "it has not taken the oldest" : "no item is held for it");
    }

    [[gnu::noinline]] void push_over(const T& item) {
        if (drops_oldest(options_.overflow)) {
            T oldest(held_.replace_front(T(item)));
            notify();
            drop(std::move(oldest), drop_reason::overflow);
        } else if (options_.on_drop) {
            options_.on_drop(T(item), drop_reason::overflow);
        }
    }
    /// Wakes the sink. One that is about to run stays in the slot: while items are ready it waits again after each of
    /// them, and to link it anew would cost a fifth of the item.
    void notify() noexcept {
        const waker* const sink = receiver_.waiting();
        if (sink != nullptr && !sink->queued()) receiver_.wake();
    }
    void drop(T&& item, drop_reason why) noexcept {
        if (options_.on_drop) options_.on_drop(std::move(item), why);
    }

    side_options<T> options_;
    ring_buffer<T> held_;
    std::exception_ptr error_; // of upstream or of a copy
    described_slot receiver_{*this};
    described_slot room_{*this};
    bool open_ = true; // whether the sink is to receive another item
};

/// The stream of the items for a sink beside the stream. It may be moved at any time.
template <class T>
class [[nodiscard("add a sink and co_await it")]] side_items {
public:
    using value_type = T;

    explicit side_items(handle<side_queue<T>, role::consumer> queue) noexcept : queue_{std::move(queue)} {}

    poll<T> poll_next(context& cx) { return queue_->empty() ? queue_->wait_for_item(cx) : queue_->take(); }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        side_queue<T>& queue = *queue_;
        while (!queue.empty()) {
            if (!consume(*queue.take())) return flow::stopped;
            if (!cx.spend() || (may_drop_at_end<T> && cx.leaving())) [[unlikely]]
                return yield_loop(cx);
        }
        return queue.wait_for_item(cx).is_done() ? flow::done : flow::pending;
    }

    void outline(stage_outline& out) const {
        if (queue_) out.holds(queue_->capacity());
    }

private:
    friend sole_waiter;

    const waker* waiting() const noexcept { return queue_->waiting(); }

    handle<side_queue<T>, role::consumer> queue_;
};

/// What `items | sink` returns for the items of type T.
template <class T, class Sink>
using side_operation_t = decltype(std::declval<side_items<T>>() | std::declval<Sink>());

/// Whether a Sink is a closure that ends in a sink, for items of type T.
template <class T, class Sink>
consteval bool is_side_sink() {
    if constexpr (is_closure<Sink>) return operation<side_operation_t<T, Sink>>;
    return false;
}

/// A sink beside the main flow of an operator. It has a waker of its own, and wakes the operator's consumer when it has
/// ended.
template <class T, class Sink>
class side_sink {
public:
    side_sink(Sink sink, side_options<T> options)
        : queue_{*new side_queue<T>{std::move(options)}}, sink_(std::move(sink)) {}

    side_queue<T>& queue() const noexcept { return *queue_; }
    std::size_t capacity() const noexcept { return queue_ ? queue_->capacity() : 0; }
    bool running() const noexcept { return static_cast<bool>(operation_); }
    bool failed() const noexcept { return error_ != nullptr; }
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
    [[noreturn]] void rethrow() { std::rethrow_exception(take_error()); }

    /// Lets the sink do at once what it would do in the next turn; at the first call, starts it. Returns false when a
    /// callee dropped the operator.
    [[nodiscard]] bool drive(context& cx) {
        if (sink_) {
            driver_.bind(*this, cx.waker());
            operation_.construct_with(
                [&] { return side_items<T>{handle<side_queue<T>, role::consumer>{queue_}} | *std::move(sink_); });
            sink_.reset();
        } else if (!driver_.queued()) {
            return true;
        }
        nested_context own{cx, driver_};
        static_cast<void>(poll(own));
        return !cx.stopping();
    }

    /// Returns a context with a budget for the sink. A loop over upstream counts the units of its own budget.
    context loop_context(const context& cx) noexcept {
        cx.propagate_deadline_to(driver_);
        return context{driver_};
    }
    /// The same as `drive` in such a loop, which asks itself whether a callee dropped the operator. Returns false when
    /// the sink has ended or failed.
    [[nodiscard]] bool drive_in_loop(context& own) noexcept { return !driver_.queued() || poll(own); }

    /// The operator's consumer waits: it is woken when the sink has ended.
    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.waker());
        return pending;
    }

    void drop() noexcept { operation_.reset(); }

private:
    using operation_type = side_operation_t<T, Sink>;

    friend described;

    void describe(wait_report& report) {
        report.object(this, "the sink beside the stream", "has not ended");
        report.cause(driver_);
    }

    void run() noexcept {
        context cx{driver_};
        static_cast<void>(poll(cx));
    }

    /// Returns false when the sink has ended or failed. Inlined by force, because g++ would call it for each item of a
    /// long chain.
    [[gnu::always_inline]] bool poll(context& cx) noexcept {
        if (!running()) return true;
        try {
            if (operation_->poll_result(cx).is_pending()) [[likely]]
                return true;
        } catch (...) {
            return end(cx, std::current_exception());
        }
        return end(cx, nullptr);
    }
    [[gnu::noinline]] bool end(context& cx, std::exception_ptr error) noexcept { // so that poll is inlined
        if (cx.stopping()) return true;
        error_ = std::move(error);
        operation_.reset();
        consumer_.wake();
        return false;
    }

    handle<side_queue<T>, role::producer> queue_;
    resettable<Sink> sink_; // until it is started
    manual_lifetime<operation_type> operation_;
    std::exception_ptr error_;
    described_slot consumer_{*this};
    member_waker<side_sink, &side_sink::run> driver_;
};

/// Base of an operator that passes items on and copies them to a sink.
template <stream S, class Sink>
class beside_a_sink {
    using T = item_t<S>;

public:
    using value_type = T;

    void outline(stage_outline& out) const {
        out.holds({.items = side_.capacity(), .inner_streams = 1});
        out.upstream(upstream_);
    }

protected:
    beside_a_sink(S upstream, Sink sink, side_options<T> options)
        : upstream_(std::move(upstream)), side_(std::move(sink), std::move(options)) {}

    /// Whether upstream has neither ended nor failed.
    bool open() const noexcept { return upstream_.has_value(); }
    /// Whether upstream has failed.
    bool failed() const noexcept { return error_ != nullptr; }
    side_sink<T, Sink>& side() noexcept { return side_; }

    /// Asks upstream for an item and sends a copy to the sink.
    poll<T> pass(context& cx) {
        return ask(cx, [this](const T& item) { side_.queue().push(item); });
    }

    /// Asks upstream for an item and calls see(item). When one of the two has failed, or upstream has ended, upstream
    /// is destroyed, the sink sees the end or the error, and the answer is `done`.
    template <class See>
    poll<T> ask(context& cx, See see) {
        try {
            auto item = upstream_->poll_next(cx);
            if (item.is_item() && !cx.stopping()) see(std::as_const(*item));
            if (cx.stopping()) return pending;
            if (!item.is_done()) return item;
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
        }
        end_upstream();
        return done;
    }

    /// Does the same for each item that is ready, hands it on, and lets the sink run. The answer is `stopped` in
    /// three cases: consume wants no more, and `wanted` is then set to false; the sink has ended or failed; an operator
    /// that keeps in step with the sink has no room for another item.
    template <bool InStep, class Consume>
    flow pass_each(context& cx, Consume& consume, bool& wanted) {
        return for_each_ready(cx, consume, [&](T&& item, fenced<Consume>& consumer, context& own) {
            if (side_.queue().push(item) && cx.stopping()) [[unlikely]]
                return true; // poll_each_unless_dropped ends the loop
            if (!consumer(std::move(item))) return wanted = false;
            if (cx.leaving()) [[unlikely]]
                return true;
            return side_.drive_in_loop(own) && !(InStep && side_.queue().full());
        });
    }

    /// Calls see(item, consumer, own) for each item that is ready until it returns false. own is the context for the
    /// sink. When see has failed, or upstream has failed or ended, upstream is destroyed, the sink sees the end or the
    /// error, and the answer is `done`. What the consumer throws is thrown on.
    template <class Consume, class See>
    flow for_each_ready(context& cx, Consume& consume, const See& see) {
        flow answer = flow::done;
        fenced consumer{consume};
        try {
            context own = side_.loop_context(cx);
            const auto pass_on = [&](T&& item) { return see(std::move(item), consumer, own); };
            answer = poll_each_unless_dropped<true>(*upstream_, cx, pass_on);
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
        }
        consumer.rethrow();
        if (cx.stopping()) return flow::pending;
        if (answer == flow::done) end_upstream();
        return answer;
    }

    /// Destroys upstream before its end.
    void abandon() noexcept { upstream_.reset(); }

    /// The end, or the error of upstream.
    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

private:
    void end_upstream() noexcept {
        upstream_.reset();
        side_.queue().close(error_);
    }

    resettable<S> upstream_; // until its end
    side_sink<T, Sink> side_;
    std::exception_ptr error_;
};

/// Base of an operator that asks upstream for an item when the sink has taken the last one.
template <stream S, class Sink>
class in_step_with_a_sink : public beside_a_sink<S, Sink> {
protected:
    using in_step_with_a_sink::beside_a_sink::beside_a_sink;

    /// Whether the sink has taken its last item, so that upstream may be asked for an item.
    bool ready(context& cx) {
        auto& side = this->side();
        if (side.failed()) {
            this->abandon();
            side.rethrow();
        }
        if (!side.queue().full()) return true;
        side.queue().wait_for_room(cx);
        side.wait(cx);
        return false;
    }

    /// Waits for the sink, after upstream has ended.
    poll<item_t<S>> end(context& cx) {
        auto& side = this->side();
        if (side.running()) return side.wait(cx);
        this->finish();
        if (side.failed()) side.rethrow();
        return done;
    }
};

} // namespace weir::detail

namespace weir {

template <class T>
inline constexpr bool thread_bound<detail::side_items<T>> = true;

} // namespace weir
