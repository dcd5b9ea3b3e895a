#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// A place in a linked_queue. It must not move or die while it is in one.
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

/// A queue of objects that derive from queue_link, as a ring; it owns none of them. Moving the first to the back is one store.
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
        rotate();
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

    /// The first goes to the back.
    void rotate() noexcept { last_ = last_->next_; }

    void clear() noexcept {
        while (!empty()) pop_front();
    }

private:
    queue_link* last_ = nullptr;
};

class ready_children;

/// One of the children of an operator: its own waker, and its place among those that are to be polled.
class child : public waker, public queue_link {
public:
    explicit child(std::size_t index = 0) noexcept : waker{&run}, index_{index} {}

    std::size_t index() const noexcept { return index_; }

    /// It has ended: wakes that come late are for nothing.
    void retire() noexcept { parent_ = nullptr; }

private:
    friend class ready_children;

    inline static void run(waker& self) noexcept;

    ready_children* parent_ = nullptr; // from the first poll until the child has ended
    std::size_t index_;
};

/// The children that are to be polled, and the consumer that waits for them.
///
/// A woken child comes to the back of those that woke and wakes the consumer. One that yielded an item waits for its
/// turn without a way through the run queue, behind all that woke: those are known to have something to say. It is
/// overtaken by each of them once at most, since they come behind it in their turn. So a poll touches no child that is
/// known to have nothing, and none waits for ever.
class ready_children {
public:
    ready_children() noexcept = default;
    ready_children(ready_children&&) noexcept = default;

    /// Adds a child that was never polled.
    void adopt(child& c, const waker& consumer) noexcept {
        c.parent_ = this;
        c.bind(consumer);
        queue_.push_back(c);
    }

    bool empty() const noexcept { return queue_.empty(); }
    child& front() noexcept { return queue_.front(); }
    /// The first has yielded an item.
    void to_back() noexcept {
        if (last_woken_ == &queue_.front()) last_woken_ = nullptr;
        queue_.rotate();
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

    /// Answers that none is ready, and wakes the consumer when one is.
    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.wk);
        return pending;
    }

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
        consumer_.wake();
    }

    linked_queue<child> queue_;   // those that woke, then those that yielded
    child* last_woken_ = nullptr; // in the queue
    waker_slot consumer_;
};

inline void child::run(waker& self) noexcept {
    auto& me = static_cast<child&>(self);
    if (me.parent_ != nullptr) me.parent_->woken(me);
}

/// A child that is a stream. The index is part of its type where children differ in type.
template <stream S, std::size_t Index = 0>
struct stream_child : child {
    static constexpr std::size_t position = Index;

    explicit stream_child(S s) : child{Index}, source{std::move(s)} {}

    poll<item_t<S>> poll_next(context& cx) {
        nested_context own{cx, *this};
        return source->poll_next(own);
    }

    void drop() noexcept {
        retire();
        source.reset();
    }

    std::optional<S> source;
};

/// Children of different types. `visit` calls a function with one of them as what it is.
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

/// Children of one type, as many as the type says.
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

private:
    std::array<stream_child<S>, N> children_;
};

/// Children of one type, as many as there are.
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

private:
    std::vector<stream_child<S>> children_;
};

/// Children for a pack of streams.
template <class First, class... Rest>
using children_of = std::conditional_t<(std::is_same_v<First, Rest> && ...), children_array<First, 1 + sizeof...(Rest)>,
                                       children_tuple<std::index_sequence_for<First, Rest...>, First, Rest...>>;

} // namespace weir::detail
