// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of the stream that a function returned for an item of an upstream, whose further items are dropped until
/// that stream has ended.
template <stream S, class F, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] exhaust_map_stream {
    using inner_t = std::invoke_result_t<F&, item_t<S>>;

public:
    using value_type = item_t<inner_t>;

    exhaust_map_stream(S upstream, F f, OnDrop on_drop)
        : f_(std::move(f)), on_drop_(std::move(on_drop)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        bool inner_waits = false;
        try {
            for (;;) {
                // The inner stream is polled before upstream: an item that arrives as it ends is not dropped.
                if (inner_ && !inner_waits) {
                    auto item = inner_->poll_next(cx);
                    if (cx.stopping() || item.is_item()) return item;
                    inner_waits = item.is_pending();
                    if (!inner_waits) drop_inner();
                    if (cx.leaving()) return cx.yield();
                }
                if (!inner_ && error_ != nullptr) std::rethrow_exception(error_);
                if (!upstream_ || !upstream_ready_) break;
                ask_upstream(cx);
                if (!cx.spend() || cx.leaving()) return cx.yield();
            }
        } catch (...) {
            drop();
            throw;
        }
        if (!inner_ && !upstream_) return done;
        consumer_.arm(cx.waker());
        return pending;
    }

private:
    /// Makes an inner stream of the next item, or drops the item.
    void ask_upstream(context& cx) {
        upstream_waker_.bind(*this, cx.waker());
        nested_context own{cx, upstream_waker_};
        poll<item_t<S>> next{pending};
        try {
            next = upstream_->poll_next(own);
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception(); // delivered when the inner stream has ended
            upstream_.reset();
            return;
        }
        if (cx.stopping()) return;
        upstream_ready_ = next.is_item();
        if (next.is_done()) upstream_.reset();
        if (!next.is_item()) return;
        if (inner_) {
            static_cast<void>(std::invoke(on_drop_, *std::move(next)));
            return;
        }
        item_.emplace(*std::move(next));
        auto made = std::invoke(f_, *std::move(item_));
        if (!cx.stopping()) inner_.emplace(std::move(made));
    }

    void upstream_woken() noexcept {
        upstream_ready_ = true;
        consumer_.wake();
    }

    void drop_inner() noexcept {
        inner_.reset();
        item_.reset();
    }
    void drop() noexcept {
        drop_inner();
        upstream_.reset();
    }

    [[no_unique_address]] F f_;
    [[no_unique_address]] OnDrop on_drop_;
    std::optional<S> upstream_;
    std::optional<item_t<S>> item_; // exists as long as the inner stream, which may refer to it
    std::optional<inner_t> inner_;
    std::exception_ptr error_; // of upstream
    waker_slot consumer_;
    detail::member_waker<exhaust_map_stream, &exhaust_map_stream::upstream_woken> upstream_waker_;
    bool upstream_ready_ = true;
};

struct exhaust_map_fn : detail::operator_fn<exhaust_map_fn> {
    template <class S, class F, class OnDrop>
    using pipeline = exhaust_map_stream<S, F, OnDrop>;

    template <class T, class F, class OnDrop>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_stream<F&, T>;
        static_assert(ok, "weir::exhaust_map(f): f cannot be called with an item, or does not give a stream");
        constexpr bool drops = std::invocable<OnDrop&, T>;
        static_assert(drops, "weir::exhaust_map(f, on_drop): on_drop cannot be called with an item");
        constexpr bool vanishes = detail::returns_work<OnDrop&, T>;
        static_assert(!vanishes, "weir::exhaust_map(f, on_drop): on_drop returns an operation or a stream, and nobody "
                                 "would await it");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::exhaust_map(f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && drops && !vanishes && kept;
    }

    template <class F, class OnDrop = detail::drop_silently>
    constexpr auto operator()(F f, OnDrop on_drop = {}) const {
        return with(std::move(f), std::move(on_drop));
    }
};

/// exhaust_map(f): the items of the stream f(a); items of upstream that arrive before it has ended are dropped.
///
///     in              --a-b-c-------d---|
///     exhaust_map(f)  --1-2-3-------1-2-3|     where f returns 1-2-3|
///
/// Upstream is polled while an inner stream runs, whenever the consumer waits for that stream; what has arrived is
/// dropped then, as RxJS does. While the consumer is busy upstream is not asked. An item that arrives in the same turn
/// as the end of the inner stream is not dropped. f and the item of an inner stream exist as long as that stream.
///
/// Ends: when upstream and the inner stream have ended.
/// Errors: an inner stream's, f's and on_drop's exceptions, at once; upstream's when the inner stream has ended. All
/// streams are destroyed first.
/// Dropped: items that arrive while an inner stream runs are passed to on_drop, the second argument, if there is one.
/// Cost: no allocation; one inner stream, and the item that it was made of.
/// See: switch_map, concat_map, throttle.
inline constexpr exhaust_map_fn exhaust_map{};

} // namespace weir
