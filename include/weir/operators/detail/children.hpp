// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// Base of a member of a linked_queue. It must not be moved or destroyed while it is in one.
class queue_link {
public:
    queue_link() noexcept = default;
    queue_link(queue_link&& other) noexcept {
        WEIR_ASSERT(!other.in_queue(), "an operator was moved after its first poll");
        static_cast<void>(other);
    }

    bool in_queue() const noexcept { return next_ != nullptr; }

private:
    template <class>
    friend class linked_queue;

    queue_link* next_ = nullptr;
};

/// A queue of objects that derive from queue_link, as a ring. It does not own them. Moving the first to the back is one
/// store.
template <class T>
class linked_queue {
public:
    linked_queue() noexcept = default;
    linked_queue(linked_queue&& other) noexcept {
        WEIR_ASSERT(other.empty(), "an operator was moved after its first poll");
        static_cast<void>(other);
    }

    bool empty() const noexcept { return last_ == nullptr; }

    T& front() noexcept { return static_cast<T&>(*last_->next_); }

    void push_front(T& item) noexcept {
        queue_link& link = item;
        if (last_ != nullptr) {
            link.next_ = last_->next_;
            last_->next_ = &link;
        } else {
            last_ = link.next_ = &link;
        }
    }
    void push_back(T& item) noexcept {
        push_front(item);
        to_back(item);
    }

    void insert_after(T& place, T& item) noexcept {
        queue_link& link = item;
        queue_link& before = place;
        link.next_ = before.next_;
        before.next_ = &link;
        if (last_ == &before) last_ = &link;
    }

    T& pop_front() noexcept {
        queue_link* first = last_->next_;
        if (first == last_) {
            last_ = nullptr;
        } else {
            last_->next_ = first->next_;
        }
        first->next_ = nullptr;
        return static_cast<T&>(*first);
    }

    /// Moves the first to the back.
    void to_back(T& first) noexcept {
        WEIR_ASSERT(&first == &front(), "another is the first");
        last_ = &first;
    }

    void clear() noexcept {
        while (!empty()) pop_front();
    }

private:
    queue_link* last_ = nullptr;
};

class ready_children;

/// A child of an operator: its waker, and its link in the queue of children to be polled.
class child : public waker, public queue_link {
public:
    explicit child(std::size_t index = 0) noexcept : waker{&run}, index_{index} {}

    std::size_t index() const noexcept { return index_; }
    /// Sets the position among all children, which a child of a pack has from the start.
    void renumber(std::size_t index) noexcept { index_ = index; }

    /// To be called when the child has ended: later wakes have no effect.
    void retire() noexcept { parent_ = nullptr; }

    bool was_asked() const noexcept { return asked_; }
    /// Returns true at the first call.
    bool first_asked() noexcept { return !std::exchange(asked_, true); }

private:
    friend class ready_children;

    inline static void run(waker& self) noexcept;

    ready_children* parent_ = nullptr; // set from the first poll until the child has ended
    std::size_t index_;
    bool asked_ = false;
};

/// The queue of children to be polled, and the waiting consumer.
///
/// A woken child is queued behind the other woken children and wakes the consumer, or the driver when the consumer does
/// not wait. A child that yielded an item is queued behind all woken children without a pass through the run queue,
/// because woken children are known to have an answer. Each of them overtakes it at most once. A poll therefore touches
/// no child that is known to be pending, and no child waits forever.
class ready_children {
public:
    /// @param owner  the operator, which describes what its children wait for
    template <class Operator>
    explicit ready_children(Operator& owner) noexcept : consumer_{owner} {}
    ready_children(ready_children&&) noexcept = default;

    /// Sets the driver, which polls the children while the consumer is busy.
    void drive_by(waker& driver) noexcept { driver_ = &driver; }

    /// Adds a child that was not polled yet.
    void adopt(child& c, const waker& consumer) noexcept {
        c.parent_ = this;
        c.bind(consumer);
        queue_.push_back(c);
    }

    bool empty() const noexcept { return queue_.empty(); }
    child& front() noexcept { return queue_.front(); }
    /// To be called when the first child has yielded an item.
    void to_back(child& first) noexcept {
        if (last_woken_ == &first) last_woken_ = nullptr;
        queue_.to_back(first);
    }
    child& pop_front() noexcept {
        if (last_woken_ == &queue_.front()) last_woken_ = nullptr;
        return queue_.pop_front();
    }
    void push_back(child& c) noexcept { queue_.push_back(c); }
    void clear() noexcept {
        queue_.clear();
        last_woken_ = nullptr;
    }

    /// Returns `pending`, and wakes the consumer when a child is ready.
    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.waker());
        return pending;
    }
    /// Wakes the consumer.
    void notify() noexcept { consumer_.wake(); }

private:
    friend class child;

    void woken(child& c) noexcept {
        if (c.in_queue()) return;
        if (last_woken_ != nullptr) {
            queue_.insert_after(*last_woken_, c);
        } else {
            queue_.push_front(c);
        }
        last_woken_ = &c;
        if (driver_ == nullptr || consumer_.armed()) {
            consumer_.wake();
        } else {
            driver_->wake();
        }
    }

    linked_queue<child> queue_;   // woken children, then those that yielded
    child* last_woken_ = nullptr; // the last woken child in the queue
    described_slot consumer_;
    waker* driver_ = nullptr;
};

inline void child::run(waker& self) noexcept {
    auto& me = static_cast<child&>(self);
    if (me.parent_ != nullptr) me.parent_->woken(me);
}

/// A child that is a stream. The index distinguishes children of a pack.
template <stream S, std::size_t Index = 0>
struct stream_child : child {
    static constexpr std::size_t position = Index;

    explicit stream_child(S s) : child(Index), source(std::move(s)) {}

    poll<item_t<S>> poll_next(context& cx) {
        nested_context own{cx, *this};
        return source->poll_next(own);
    }

    void drop() noexcept {
        retire();
        source.reset();
        held.reset();
    }

    resettable<S> source;
    std::optional<item_t<S>> held{}; // an item that arrived while the consumer was busy
};

/// Children of different types. `visit` calls a function with one of them in its own type.
template <class Indices, stream... S>
class children_tuple;

template <std::size_t... I, stream... S>
class children_tuple<std::index_sequence<I...>, S...> {
public:
    explicit children_tuple(S... sources) : children_{stream_child<S, I>{std::move(sources)}...} {}

    static constexpr std::size_t size() noexcept { return sizeof...(S); }

    template <class F>
    decltype(auto) visit(child& c, F&& f) {
        return visit_from<0>(c, f);
    }
    template <class F>
    void each(F f) {
        (f(std::get<I>(children_)), ...);
    }
    template <class F>
    void each(F f) const {
        (f(std::get<I>(children_)), ...);
    }

private:
    template <std::size_t At, class F>
    decltype(auto) visit_from(child& c, F& f) {
        if constexpr (At + 1 == sizeof...(S)) {
            return f(std::get<At>(children_));
        } else {
            if (c.index() == At) return f(std::get<At>(children_));
            return visit_from<At + 1>(c, f);
        }
    }

    std::tuple<stream_child<S, I>...> children_;
};

/// Children of one type; their number is part of the type.
template <stream S, std::size_t N>
class children_array {
public:
    template <std::same_as<S>... Same>
    explicit children_array(Same... sources) : children_{{stream_child<S>{std::move(sources)}...}} {}

    static constexpr std::size_t size() noexcept { return N; }

    template <class F>
    decltype(auto) visit(child& c, F&& f) {
        return f(static_cast<stream_child<S>&>(c));
    }
    template <class F>
    void each(F f) {
        for (auto& c : children_) f(c);
    }
    template <class F>
    void each(F f) const {
        for (const auto& c : children_) f(c);
    }

private:
    std::array<stream_child<S>, N> children_;
};

/// Children of one type; their number is known at run time.
template <stream S>
class children_vector {
public:
    children_vector() = default;

    void reserve(std::size_t n) { children_.reserve(n); }
    void add(S source) { children_.emplace_back(std::move(source)); }

    std::size_t size() const noexcept { return children_.size(); }

    template <class F>
    decltype(auto) visit(child& c, F&& f) {
        return f(static_cast<stream_child<S>&>(c));
    }
    template <class F>
    void each(F f) {
        for (auto& c : children_) f(c);
    }
    template <class F>
    void each(F f) const {
        for (const auto& c : children_) f(c);
    }

private:
    std::vector<stream_child<S>> children_;
};

/// Describes an operator that waits for its children.
template <class Children>
void describe_children(wait_report& report, const char* type, Children& children) {
    std::size_t open = 0;
    children.each([&](auto& c) { open += c.source && !c.held ? 1u : 0u; });
    report.stage(type, "waits for " + std::to_string(open) + " of its " + std::to_string(children.size()) + " streams");
    children.each([&](auto& c) {
        if (c.source && !c.held) report.cause(c);
    });
}

template <class Children>
void outline_children(stage_outline& out, const Children& children) {
    children.each([&](const auto& c) { out.upstream(c.source); });
}

/// Children for a pack of streams.
template <class First, class... Rest>
using children_of = std::conditional_t<(std::is_same_v<First, Rest> && ...), children_array<First, 1 + sizeof...(Rest)>,
                                       children_tuple<std::index_sequence_for<First, Rest...>, First, Rest...>>;

/// Children for a range of streams, which are moved out of a container that is passed by value.
template <std::ranges::input_range Range>
auto children_from(Range&& range) {
    using source = std::ranges::range_value_t<Range>;
    children_vector<source> children;
    if constexpr (!owned_container<Range> && !std::constructible_from<source, std::ranges::range_reference_t<Range>>) {
        static_assert(always_false<Range>,
                      "weir: the streams of the range are used once and cannot be copied: write std::move(range)");
    } else {
        if constexpr (std::ranges::sized_range<Range>) children.reserve(std::ranges::size(range));
        for (auto&& each : range) {
            if constexpr (owned_container<Range>) {
                children.add(std::move(each));
            } else {
                children.add(std::forward<decltype(each)>(each));
            }
        }
    }
    return children;
}

/// Base of an operator over several streams, whose items it delivers in the order in which they were ready.
///
/// The operator decides what to deliver for an item of a child, which may be nothing yet, and whether the end of a
/// child ends all.
///
///     static constexpr bool passes_all;   // every item is delivered unchanged; then `pass` is not used:
///     poll<T> pass(child, item);
///     bool ends_all(child);
///     void drop_unmatched(context&) noexcept;   // optional: called at the end, when all children have been destroyed
///
/// A child is polled for its next item as soon as the previous one was taken. The consumer's poll polls the children,
/// so that an item passes without being stored; while the consumer is busy a driver polls them, and a child stores its
/// item. The order of the items, and what precedes an error, therefore does not depend on the pace of the consumer.
///
/// An error, or an end that ends all, drops the children without an item and those that were never polled. Children
/// that are due are polled once more. Their items, and the stored ones, are delivered first.
template <class Operator, class T, class Children>
class over_children {
public:
    using value_type = T;

    poll<T> poll_next(context& cx) {
        // The path of an item is small, so that it is inlined.
        if (straight_ && !due_.empty()) [[likely]] {
            child& next = due_.front();
            auto item = ask(next, cx);
            if (item.is_item()) [[likely]] {
                due_.to_back(next);
                return item;
            }
            if (cx.stopping() || !settle(item.is_done(), cx)) return pending;
        }
        return look_further(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            if (straight_ && !due_.empty()) {
                // As long as each child has an item, nothing changes but their order.
                for (;;) {
                    child& next = due_.front();
                    auto item = ask(next, cx);
                    if (!item.is_item()) {
                        if (cx.stopping() || !settle(item.is_done(), cx)) return flow::pending;
                        break;
                    }
                    due_.to_back(next);
                    if (!consume(*std::move(item))) return flow::stopped;
                    if (!may_go_on(cx)) return yield_loop(cx);
                }
            }
            auto item = look_further(cx);
            if (item.is_pending()) return flow::pending;
            if (item.is_done()) return flow::done;
            if (!consume(*std::move(item))) return flow::stopped;
            if (!may_go_on(cx)) return yield_loop(cx);
        }
    }

    void outline(stage_outline& out) const {
        out.holds(children_.size());
        outline_children(out, children_);
    }

protected:
    explicit over_children(Children children, bool delay_error = false)
        : children_{std::move(children)}, delay_error_{delay_error} {}

    std::size_t size() const noexcept { return children_.size(); }

    /// To be returned by `pass` when it delivers nothing: the child is not polled until the parked children are
    /// released.
    pending_t park() noexcept {
        says_ = says::parked;
        return pending;
    }
    void release_parked() noexcept {
        if (closing_) return parked_.clear();
        while (!parked_.empty()) due_.push_back(parked_.pop_front());
    }

private:
    enum class says : unsigned char { nothing, end, failure, parked };

    Operator& self() noexcept { return static_cast<Operator&>(*this); }

    /// To be called between two items of a loop. Returns false when the loop must yield.
    static bool may_go_on(context& cx) noexcept {
        if (!cx.spend()) return false;
        if constexpr (may_drop_at_end<T>) return !cx.leaving();
        return true;
    }

    /// Polls a child. Returns an item to deliver, or no item; `says_` may then hold the reason. Inlined, because it is
    /// most of what an item costs.
    [[gnu::always_inline]] poll<T> ask(child& next, context& cx) {
        try {
            return children_.visit(next, [&](auto& c) {
                if constexpr (Operator::passes_all) {
                    return c.poll_next(cx);
                } else {
                    auto answer = c.poll_next(cx);
                    if (!answer.is_item() || cx.stopping()) return answer.template rebind<T>();
                    poll<T> passed = self().pass(c, *std::move(answer));
                    if constexpr (may_drop_at_end<T>) {
                        if (cx.stopping()) [[unlikely]] // an item that was replaced has dropped what runs
                            passed = pending;
                    }
                    return passed;
                }
            });
        } catch (...) {
            if (cx.stopping()) throw;
            keep_error();
            return pending;
        }
    }

    /// Does the same for a child that stores an item.
    poll<T> pass_held(child& next) {
        try {
            return children_.visit(next, [&](auto& c) -> poll<T> {
                auto item = *std::move(c.held);
                c.held.reset();
                if constexpr (Operator::passes_all) {
                    return poll<T>{std::move(item)};
                } else {
                    return self().pass(c, std::move(item));
                }
            });
        } catch (...) {
            keep_error();
            return pending;
        }
    }

    /// Polls a child and stores its item. Returns false when the child has no item; `says_` may then hold the reason.
    bool hold(child& next, context& cx) noexcept {
        try {
            return children_.visit(next, [&](auto& c) {
                auto answer = c.poll_next(cx);
                if (cx.stopping()) return false;
                if (answer.is_item()) {
                    c.held.emplace(*std::move(answer));
                    return true;
                }
                if (answer.is_done()) says_ = says::end;
                return false;
            });
        } catch (...) {
            if (!cx.stopping()) keep_error();
            return false;
        }
    }

    /// To be called in a catch block.
    [[gnu::cold, gnu::noinline]] void keep_error() noexcept {
        says_ = says::failure;
        if (error_ == nullptr) error_ = std::current_exception();
    }

    friend described;

    void describe(wait_report& report) { describe_children(report, type_name<Operator>(), children_); }

    /// Handles a due child without an item. Returns false when the caller must yield, or was dropped.
    bool settle(bool ended, context& cx) noexcept {
        if (ended) says_ = says::end;
        see_to(due_.pop_front(), cx);
        if (cx.stopping()) return false;
        if (cx.spend() && !cx.leaving()) return true;
        cx.yield();
        return false;
    }

    /// Handles a child that is in no queue and has no item.
    void see_to(child& c, context& cx) noexcept {
        switch (std::exchange(says_, says::nothing)) {
        case says::nothing:
            if (closing_) drop(c);
            return;
        case says::parked:
            return parked_.push_back(c);
        case says::end:
            if (closing_) return drop(c);
            if (const bool last = children_.visit(c, [&](auto& one) { return self().ends_all(one); }); !last) {
                return drop(c);
            }
            drop(c);
            return close(cx);
        case says::failure:
            drop(c);
            if (!closing_ && !delay_error_) close(cx);
            return;
        }
    }

    /// Stores the items of the other children, and drops them.
    [[gnu::cold, gnu::noinline]] void close(context& cx) noexcept {
        closing_ = true;
        straight_ = false;
        while (!due_.empty()) {
            child& next = due_.pop_front();
            if (!next.was_asked()) {
                drop(next);
            } else if (hold(next, cx)) {
                held_.push_back(next);
            } else if (cx.stopping()) {
                return;
            } else {
                see_to(next, cx);
            }
        }
        children_.each([](auto& c) {
            if (!c.held) c.drop();
        });
    }

    [[gnu::noinline]] poll<T> look_further(context& cx) {
        if (!started_) start(cx.waker());
        for (;;) {
            if (!held_.empty()) {
                child& next = held_.pop_front();
                auto item = pass_held(next);
                if (cx.stopping()) return pending;
                if (item.is_item()) {
                    taken(next, cx);
                    return item;
                }
                see_to(next, cx);
                if (cx.stopping()) return pending;
            } else if (!due_.empty()) {
                child& next = due_.front();
                if (next.first_asked()) --unasked_;
                auto item = ask(next, cx);
                if (item.is_item()) {
                    due_.to_back(next);
                    drive_later(cx);
                    return item;
                }
                if (cx.stopping() || !settle(item.is_done(), cx)) return pending;
            } else if (running_ != 0 && !closing_) {
                cx.propagate_deadline_to(driver_);
                return due_.wait(cx);
            } else {
                drop_all();
                if constexpr (requires { self().drop_unmatched(cx); }) {
                    self().drop_unmatched(cx);
                    if (cx.stopping()) return pending;
                }
                if (error_ != nullptr) std::rethrow_exception(error_);
                return done;
            }
        }
    }

    void start(const waker& consumer) noexcept {
        started_ = true;
        running_ = unasked_ = children_.size();
        driver_.bind(*this, consumer);
        due_.drive_by(driver_);
        children_.each([&](auto& c) { due_.adopt(c, consumer); });
    }

    /// To be called when the stored item of a child was taken.
    void taken(child& c, context& cx) noexcept {
        if (closing_) return drop(c);
        due_.push_back(c);
        drive_later(cx);
    }

    void drive_later(context& cx) noexcept {
        cx.propagate_deadline_to(driver_);
        driver_.wake();
        straight_ = held_.empty() && unasked_ == 0;
    }

    /// Called by the run queue.
    void drive() noexcept {
        context cx{driver_};
        straight_ = false;
        while (!due_.empty()) {
            child& next = due_.pop_front();
            if (next.first_asked()) --unasked_;
            if (hold(next, cx)) {
                held_.push_back(next);
                due_.notify();
            } else if (cx.stopping()) {
                return;
            } else {
                see_to(next, cx);
                if (cx.stopping()) return;
                if (closing_ || running_ == 0) due_.notify();
            }
            if (!cx.spend() || cx.leaving()) {
                cx.yield();
                return;
            }
        }
    }

    void drop(child& one) noexcept {
        children_.visit(one, [](auto& c) { c.drop(); });
        --running_;
    }
    void drop_all() noexcept {
        children_.each([](auto& c) { c.drop(); });
        running_ = 0;
    }

    Children children_;
    ready_children due_{*this};  // children to be polled
    linked_queue<child> held_;   // children that store an item
    linked_queue<child> parked_; // children that `pass` parked
    std::size_t running_ = 0;    // while not closing
    std::size_t unasked_ = 0;
    std::exception_ptr error_;
    member_waker<over_children, &over_children::drive> driver_;
    bool delay_error_;
    bool started_ = false;
    bool straight_ = false; // the driver is armed, all were polled and none stores an item: an item can pass directly
    bool closing_ = false;  // deliver the stored items, and then the error or the end
    says says_ = says::nothing;
};

} // namespace weir::detail
