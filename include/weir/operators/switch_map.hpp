// SPDX-License-Identifier: MIT
#pragma once

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

namespace weir {

/// The items of the stream that a function returned for the newest item of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] switch_map_stream {
    using inner_t = std::invoke_result_t<F&, item_t<S>>;

public:
    using value_type = item_t<inner_t>;

    switch_map_stream(S upstream, F f) : f_(std::move(f)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        try {
            for (;;) {
                if (error_ != nullptr && !inner_) std::rethrow_exception(error_);
                if (upstream_ready_ && upstream_) {
                    turn_to_newest(cx);
                    if (cx.stopping()) return pending;
                }
                if (inner_) {
                    // The inner stream is polled before upstream, because an upstream that is always ready would
                    // otherwise replace every inner stream before its first item.
                    auto item = inner_->poll_next(cx);
                    if (cx.stopping()) return item;
                    if (item.is_done() || error_ != nullptr) drop_inner();
                    if (item.is_item()) return item;
                    if (error_ != nullptr) continue;
                }
                if (!upstream_ready_ || !upstream_) break;
                if (!cx.spend()) return cx.yield();
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
    void turn_to_newest(context& cx) {
        upstream_waker_.bind(*this, cx.waker());
        nested_context own{cx, upstream_waker_};
        poll<item_t<S>> newest{pending};
        try {
            newest = upstream_->poll_next(own);
        } catch (...) {
            if (cx.stopping() || !inner_) throw;
            // A poll of the inner stream shows whether it had an item before.
            error_ = std::current_exception();
            upstream_.reset();
            return;
        }
        if (cx.stopping()) return;
        upstream_ready_ = newest.is_item();
        if (newest.is_done()) upstream_.reset();
        if (!newest.is_item()) return;
        drop_inner();
        item_.emplace(*std::move(newest));
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
    std::optional<S> upstream_;
    std::optional<item_t<S>> item_; // exists as long as the inner stream, which may refer to it
    std::optional<inner_t> inner_;
    std::exception_ptr error_; // of upstream, delivered after an item of the inner stream
    waker_slot consumer_;
    detail::member_waker<switch_map_stream, &switch_map_stream::upstream_woken> upstream_waker_;
    bool upstream_ready_ = true;
};

struct switch_map_fn : detail::operator_fn<switch_map_fn> {
    template <class S, class F>
    using pipeline = switch_map_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_stream<F&, T>;
        static_assert(ok, "weir::switch_map(f): f cannot be called with an item, or does not give a stream");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::switch_map(f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && kept;
    }
};

/// switch_map(f): the items of the stream f(a), until b arrives, then those of f(b), and so on.
///
///     in             --a----b--------|
///     switch_map(f)  ---1-2--1-2-3-4-|     where f returns -1-2-3-4|
///
/// Upstream is polled for the next item while an inner stream runs. When the item arrives, the old inner stream is
/// destroyed before f is called. f and the item of an inner stream exist as long as that stream.
///
/// Ends: when upstream and the last inner stream have ended.
/// Errors: an inner stream's and f's exceptions, at once. An error of upstream replaces the inner stream as a new item
/// would, but is delivered after an item that the inner stream has ready. All streams are destroyed first.
/// Dropped: a replaced inner stream loses its remaining items by design.
/// Cost: no allocation; one inner stream, and the item that it was made of.
/// See: exhaust_map, concat_map, flat_map, take_until.
inline constexpr switch_map_fn switch_map{};

} // namespace weir
