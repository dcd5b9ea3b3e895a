// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of the streams that a function returns for the items of an upstream, one stream after the other.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] concat_map_stream {
    using inner_t = std::invoke_result_t<F&, item_t<S>>;

    static constexpr bool may_stop =
        detail::may_drop<F> || detail::may_drop_at_end<inner_t> || detail::may_drop_at_end<item_t<S>>;

public:
    using value_type = item_t<inner_t>;

    concat_map_stream(S upstream, F f) : f_(std::move(f)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        try {
            for (;;) {
                if (inner_) [[likely]] {
                    auto item = inner_->poll_next(cx);
                    if (!item.is_done()) [[likely]]
                        return item;
                    drop_inner();
                    if (!cx.spend() || (may_stop && cx.leaving())) return cx.yield();
                }
                const flow started = start_next(cx);
                if (started == flow::done) return done;
                if (started == flow::pending) return pending;
            }
        } catch (...) {
            drop();
            throw;
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        detail::fenced passed(consume);
        flow answer = flow::pending;
        try {
            for (;;) {
                if (inner_) {
                    answer = weir::poll_each(*inner_, cx, passed);
                    if (answer != flow::done) break;
                    drop_inner();
                    if (!cx.spend() || (may_stop && cx.leaving())) return detail::yield_loop(cx);
                }
                answer = start_next(cx);
                if (answer != flow::stopped) break;
            }
        } catch (...) {
            drop();
            throw;
        }
        passed.rethrow();
        return answer;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .inner_streams = 1});
        out.upstream(upstream_);
    }

private:
    /// Asks upstream for the next inner stream. Returns `stopped` when an inner stream has started.
    flow start_next(context& cx) {
        auto outer = upstream_->poll_next(cx);
        if (!outer.is_item()) return outer.is_done() ? flow::done : flow::pending;
        if (may_stop && cx.stopping()) return detail::yield_loop(cx);
        item_.construct_with([&] { return *std::move(outer); });
        inner_.construct_with([&] { return std::invoke(f_, std::move(*item_)); });
        return may_stop && cx.stopping() ? detail::yield_loop(cx) : flow::stopped;
    }

    void drop_inner() noexcept {
        inner_.reset();
        item_.reset();
    }

    [[gnu::cold, gnu::noinline]] void drop() noexcept {
        inner_.reset();
        upstream_.reset();
    }

    [[no_unique_address]] F f_;
    detail::resettable<S> upstream_;
    detail::manual_lifetime<item_t<S>> item_; // exists as long as the inner stream, which may refer to it
    detail::manual_lifetime<inner_t> inner_;
};

struct concat_map_fn : detail::operator_fn<concat_map_fn> {
    template <class S, class F>
    using pipeline = concat_map_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<F&, T>;
        static_assert(
            !awaited,
            "weir::concat_map(f): f returns a task or another operation, and not a stream; write map_async(1, f)");
        constexpr bool ranged = detail::gives_range<F&, T>;
        static_assert(!ranged, "weir::concat_map(f): f returns a range, and not a stream; write map_concat(f)");
        constexpr bool ok = detail::gives_stream<F&, T> || awaited || ranged;
        static_assert(ok, "weir::concat_map(f): f cannot be called with an item, or does not return a stream");
        return ok && !awaited && !ranged;
    }
};

/// concat_map(f): the items of the streams f(a), f(b), ..., one stream after the other. Upstream is polled for its next
/// item when the inner stream has ended, not before.
///
///     in             --a--b-----|
///     concat_map(f)  --1-2-31-2-3|     where f returns 1-2-3|
///
/// Ends: with upstream, after the last inner stream.
/// Errors: an inner stream's and f's exceptions, at once; upstream's, at its next poll. All streams are destroyed
/// first.
/// Cost: no allocation; one inner stream and its item.
/// See: map_concat for ranges, flat_map, switch_map.
inline constexpr concat_map_fn concat_map{};

} // namespace weir
