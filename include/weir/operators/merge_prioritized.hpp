// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// The items of several streams, each of which has a share of the turns while several have items.
template <class T, class Children>
class [[nodiscard("add a sink and co_await it")]] merge_prioritized_stream {
public:
    using value_type = T;

    merge_prioritized_stream(Children children, std::vector<int> weights) : children_{std::move(children)} {
        if (weights.size() != children_.size()) {
            throw std::invalid_argument{"weir::merge_prioritized(weights, streams...): there must be one weight for "
                                        "each stream"};
        }
        for (const int weight : weights) {
            if (weight < 1) {
                throw std::invalid_argument{"weir::merge_prioritized(weights, streams...): a weight must be at "
                                            "least 1"};
            }
            shares_.push_back({weight});
        }
    }

    poll<T> poll_next(context& cx) {
        if (!started_) {
            started_ = true;
            running_ = children_.size();
            std::size_t next = 0;
            children_.each([&](auto& c) {
                c.renumber(next++);
                due_.adopt(c, cx.waker());
            });
        }
        while (!due_.empty()) {
            if (!ask(due_.pop_front(), cx)) return pending;
            if (!cx.spend() || cx.leaving()) {
                if (holding_ == 0) return cx.yield();
                break;
            }
        }
        if (holding_ != 0) return take();
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        if (running_ == 0) return done;
        return due_.wait(cx);
    }

    void outline(stage_outline& out) const {
        out.holds(children_.size());
        detail::outline_children(out, children_);
    }

private:
    /// A stream's part of the turns: smooth weighted round-robin, as nginx has it.
    struct share {
        long long weight;
        long long credit = 0;
    };

    /// Polls a stream and stores its item. False when a callee dropped the operator.
    bool ask(detail::child& next, context& cx) {
        try {
            const bool ended = children_.visit(next, [&](auto& c) {
                auto item = c.poll_next(cx);
                if (cx.stopping()) return false;
                if (item.is_item()) {
                    c.held.emplace(*std::move(item));
                    ++holding_;
                }
                return item.is_done();
            });
            if (cx.stopping()) return false;
            if (ended) drop(next);
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
            due_.clear();
            children_.each([&](auto& c) {
                if (!c.held && c.source) drop(c);
            });
        }
        return true;
    }

    friend detail::described;

    void describe(detail::wait_report& report) {
        detail::describe_children(report, detail::type_name<merge_prioritized_stream>(), children_);
    }

    void drop(detail::child& one) noexcept {
        children_.visit(one, [](auto& c) { c.drop(); });
        --running_;
    }

    /// Takes the item of the stream with the most credit.
    poll<T> take() {
        long long total = 0;
        detail::child* best = nullptr;
        children_.each([&](auto& c) {
            if (!c.held) return;
            share& own = shares_[c.index()];
            own.credit += own.weight;
            total += own.weight;
            if (best == nullptr || own.credit > shares_[best->index()].credit) best = &c;
        });
        shares_[best->index()].credit -= total;
        return children_.visit(*best, [&](auto& c) {
            poll<T> item(*std::move(c.held));
            c.held.reset();
            --holding_;
            if (error_ == nullptr) {
                due_.push_back(c);
            } else {
                drop(c);
            }
            return item;
        });
    }

    Children children_;
    std::vector<share> shares_;
    detail::ready_children due_{*this}; // to be polled
    std::size_t running_ = 0;
    std::size_t holding_ = 0; // how many have an item
    std::exception_ptr error_;
    bool started_ = false;
};

struct merge_prioritized_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    auto operator()(std::vector<int> weights, First&& front, Rest&&... rest) const {
        using first_t = std::remove_cvref_t<First>;
        if constexpr (sizeof...(Rest) == 0 && !stream<first_t> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source> || !detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::merge_prioritized(weights, range): the range's items are not streams, or cannot "
                              "be taken out of it: write merge_prioritized(weights, std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                return of<item_t<source>>(detail::children_from(std::forward<First>(front)), std::move(weights));
            }
        } else if constexpr (!(stream<first_t> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>,
                          "weir::merge_prioritized(weights, streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_same_v<item_t<first_t>, item_t<std::remove_cvref_t<Rest>>> && ...)) {
            static_assert(detail::always_false<First>, "weir::merge_prioritized(weights, streams...): the streams "
                                                       "differ in their type of item; map them to one");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<first_t, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::merge_prioritized(weights, streams...): a stream is used once and cannot be copied: "
                          "write merge_prioritized(weights, std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            using children = detail::children_of<first_t, std::remove_cvref_t<Rest>...>;
            return of<item_t<first_t>>(
                children(first_t(std::forward<First>(front)), std::remove_cvref_t<Rest>(std::forward<Rest>(rest))...),
                std::move(weights));
        }
    }

    template <stream First, class... Rest>
    constexpr auto operator()(First&&, Rest&&...) const {
        static_assert(detail::always_false<First>,
                      "weir::merge_prioritized(weights, streams...): say first how the turns are divided, such as "
                      "merge_prioritized({3, 1}, a, b)");
        return detail::invalid_pipeline{};
    }

private:
    template <class T, class Children>
    static auto of(Children children, std::vector<int> weights) {
        return merge_prioritized_stream<T, Children>(std::move(children), std::move(weights));
    }
};

/// merge_prioritized({weights...}, streams...), merge_prioritized(weights, range of streams): the items of all, and
/// when several have items, each stream has turns in proportion to its weight.
///
///     a                                [1234567]---|
///     b                                [abc]--d----|
///     merge_prioritized({3, 1}, a, b)  [12a345b67c]--d-|
///
/// A stream without an item leaves its turns to the others, and does not save them up: no stream waits forever. The
/// streams are polled while the consumer waits, and one item per stream is held.
///
/// Ends: when all have ended. Errors: the first one, after the items held, when the others have been destroyed.
/// Dropped: the items held are lost.
/// Cost: an allocation for the weights, and one for a range; one item of each held; an item costs a look at every
/// stream.
/// See: merge (in order of arrival), interleave, merge_sorted.
///
/// @throws std::invalid_argument when a weight is less than 1, or there is not one for each stream
inline constexpr merge_prioritized_fn merge_prioritized{};

} // namespace weir
