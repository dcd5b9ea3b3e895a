// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// The items of several sorted streams, sorted.
template <class T, class Children, class Less>
class [[nodiscard("add a sink and co_await it")]] merge_sorted_stream {
public:
    using value_type = T;

    merge_sorted_stream(Children children, Less less) : children_{std::move(children)}, less_(std::move(less)) {}

    poll<T> poll_next(context& cx) {
        try {
            if (!started_) start(cx);
            while (!due_.empty()) {
                detail::child& next = due_.pop_front();
                ask(next, cx);
                if (cx.stopping()) return pending;
                if (!due_.empty() && (!cx.spend() || cx.leaving())) return cx.yield();
            }
            if (missing_ != 0) return due_.wait(cx);
            if (heads_.empty()) return done;
            std::pop_heap(heads_.begin(), heads_.end(), comes_later(cx));
            if (cx.stopping()) return pending;
            detail::child& least = *heads_.back();
            heads_.pop_back();
            ++missing_;
            due_.push_back(least); // polled when the consumer asks again
            return children_.visit(least, [](auto& c) {
                poll<T> item(*std::move(c.held));
                c.held.reset();
                return item;
            });
        } catch (...) {
            if (!cx.stopping()) drop_all();
            throw;
        }
    }

    void outline(stage_outline& out) const {
        out.holds(children_.size());
        detail::outline_children(out, children_);
    }

private:
    friend detail::described;

    void describe(detail::wait_report& report) {
        detail::describe_children(report, detail::type_name<merge_sorted_stream>(), children_);
    }

    void start(context& cx) {
        started_ = true;
        heads_.reserve(children_.size());
        children_.each([&](auto& c) {
            c.renumber(missing_++);
            due_.adopt(c, cx.waker());
        });
    }

    /// Polls a stream that holds no item.
    void ask(detail::child& next, context& cx) {
        const bool has_item = children_.visit(next, [&](auto& c) {
            auto item = c.poll_next(cx);
            if (cx.stopping() || item.is_pending()) return false;
            --missing_;
            if (item.is_done()) {
                c.drop();
                return false;
            }
            c.held.emplace(*std::move(item));
            return true;
        });
        if (!has_item) return;
        heads_.push_back(&next);
        std::push_heap(heads_.begin(), heads_.end(), comes_later(cx));
    }

    /// The order of the heap, whose first element is the last in this order. Of equal items, the heap has that of the
    /// first stream first.
    auto comes_later(context& cx) {
        return [this, &cx](detail::child* a, detail::child* b) {
            if (cx.stopping()) return false; // less_ has dropped what runs
            if (b->index() < a->index()) return !std::invoke(less_, item_of(*a), item_of(*b));
            return static_cast<bool>(std::invoke(less_, item_of(*b), item_of(*a)));
        };
    }
    const T& item_of(detail::child& one) {
        return children_.visit(one, [](auto& c) -> const T& { return *c.held; });
    }

    void drop_all() noexcept {
        due_.clear();
        children_.each([](auto& c) { c.drop(); });
    }

    Children children_;
    detail::ready_children due_{*this}; // children to be polled
    std::vector<detail::child*> heads_; // a heap of the children that hold an item
    std::size_t missing_ = 0;           // children that have not ended and hold no item
    bool started_ = false;
    [[no_unique_address]] Less less_;
};

struct merge_sorted_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        using first_t = std::remove_cvref_t<First>;
        if constexpr (stream<first_t> || std::ranges::input_range<First>) {
            return sorted(std::less<>{}, std::forward<First>(front), std::forward<Rest>(rest)...);
        } else {
            return sorted(first_t(std::forward<First>(front)), std::forward<Rest>(rest)...);
        }
    }

private:
    template <class Less, class First, class... Rest>
    static constexpr auto sorted(Less less, First&& front, Rest&&... rest) {
        using first_t = std::remove_cvref_t<First>;
        if constexpr (sizeof...(Rest) == 0 && !stream<first_t> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source>) {
                static_assert(detail::always_false<First>,
                              "weir::merge_sorted(range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::merge_sorted(range): a stream is used once and cannot be copied out of the "
                              "range: write merge_sorted(std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                return of<item_t<source>>(std::move(less), detail::children_from(std::forward<First>(front)));
            }
        } else if constexpr (!(stream<first_t> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>,
                          "weir::merge_sorted(less, streams...): an argument behind less is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_same_v<item_t<first_t>, item_t<std::remove_cvref_t<Rest>>> && ...)) {
            static_assert(detail::always_false<First>,
                          "weir::merge_sorted(streams...): the streams differ in their type of item; map them to one");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<first_t, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::merge_sorted(streams...): a stream is used once and cannot be copied: write "
                          "merge_sorted(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            using children = detail::children_of<first_t, std::remove_cvref_t<Rest>...>;
            return of<item_t<first_t>>(
                std::move(less),
                children(first_t(std::forward<First>(front)), std::remove_cvref_t<Rest>(std::forward<Rest>(rest))...));
        }
    }

    template <class T, class Less, class Children>
    static constexpr auto of(Less less, Children children) {
        if constexpr (!std::predicate<Less&, const T&, const T&>) {
            static_assert(detail::always_false<T>, "weir::merge_sorted(less, streams...): less cannot be called with "
                                                   "two items, or does not return a bool; without less, the items "
                                                   "have no operator<");
            return detail::invalid_pipeline{};
        } else {
            return merge_sorted_stream<T, Children, Less>(std::move(children), std::move(less));
        }
    }
};

/// merge_sorted(streams...), merge_sorted(range of streams), merge_sorted(less, ...): the items of several streams each
/// of which is sorted, sorted, as `std::merge`.
///
///     a                   --1-----4--7-|
///     b                   -2--3-5---|
///     merge_sorted(a, b)  --1-----[234]--[57]-|
///
/// An item is emitted when every other stream has shown that it has no smaller item: all streams are polled at the same
/// time, and the smallest of their next items is handed on. Only its stream is then polled, when the consumer asks
/// again. Equal items are emitted in the order of the streams. Without less the items are compared with `<`. Streams
/// that are not sorted lose nothing, but the result is not sorted either.
///
/// Ends: when all streams have ended.
/// Errors: the first one, and what less throws, when the streams have been destroyed.
/// Dropped: items held are lost with an error: what the failed stream has before them is not known.
/// Cost: one allocation, two for a range; one item of each stream held. The comparisons per item grow with the
/// logarithm of the number of streams.
/// See: merge (as they arrive), zip.
inline constexpr merge_sorted_fn merge_sorted{};

} // namespace weir
