// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The last items of an upstream.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] take_last_stream {
public:
    using value_type = item_t<S>;

    take_last_stream(S upstream, std::size_t n) : upstream_(std::move(upstream)), n_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (upstream_ && !read_to_end(cx)) return pending;
        if (held_.empty()) return done;
        return poll<value_type>(held_.pop_front());
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (upstream_ && !read_to_end(cx)) return flow::pending;
        while (!held_.empty()) {
            if (!consume(held_.pop_front())) return flow::stopped;
            if (!cx.spend()) return detail::yield_loop(cx);
            if constexpr (detail::may_drop_at_end<value_type>) {
                if (cx.leaving()) [[unlikely]]
                    return detail::yield_loop(cx);
            }
        }
        return flow::done;
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        out.upstream(upstream_);
    }

private:
    bool read_to_end(context& cx) {
        const auto keep = [this](value_type&& item) {
            if (held_.size() < n_) {
                held_.push_back(std::move(item));
            } else if (n_ != 0) {
                static_cast<void>(held_.replace_front(std::move(item)));
            }
            return true;
        };
        constexpr bool may_drop = detail::may_drop_at_end<value_type>;
        if (detail::poll_each_unless_dropped<may_drop>(*upstream_, cx, keep) != flow::done) return false;
        upstream_.reset();
        if (!cx.stopping()) [[likely]]
            return true;
        static_cast<void>(cx.yield());
        return false;
    }

    detail::resettable<S> upstream_; // empty after its end
    detail::ring_buffer<value_type> held_;
    std::size_t n_;
};

struct take_last_fn : detail::operator_fn<take_last_fn> {
    template <class S, class N>
    using pipeline = take_last_stream<S>;

    template <class T, class N>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::take_last(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return kept;
    }

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::take_last(n): n is negative"));
    }
};

/// take_last(n): the last n items, once upstream has ended. A stream with fewer items passes whole.
///
///     in            --1--2--3--4--|
///     take_last(2)  --------------[34|]
///
/// The first poll reads upstream to its end; a stream that never ends yields no item.
///
/// Ends: after the items held; upstream is destroyed before the first of them.
/// Errors: upstream's, at once; the items held are destroyed, since none of them is known to be one of the last.
/// Cost: up to n items held; memory for them is allocated once.
/// See: last, skip_last, take.
///
/// @throws std::invalid_argument when n is negative
inline constexpr take_last_fn take_last{};

} // namespace weir
