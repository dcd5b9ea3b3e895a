// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The items of an upstream, each with the newest item of another stream, which the base polls.
template <stream S, stream Other, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] with_latest_from_stream
    : public detail::prefetching_operator<with_latest_from_stream<S, Other, OnDrop>, Other> {
    using prefetching_operator = detail::prefetching_operator<with_latest_from_stream, Other>;
    friend prefetching_operator;

public:
    using value_type = std::pair<item_t<S>, item_t<Other>>;

    with_latest_from_stream(S upstream, Other other, OnDrop on_drop)
        : prefetching_operator(std::move(other)), upstream_(std::move(upstream)), on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        try {
            for (;;) {
                // The other stream is polled first, so that its item of the same turn counts.
                if (this->open() && !this->drive(cx)) return pending;
                if (cx.leaving()) return cx.yield();
                if (!this->open() && (!latest_ || other_failed_)) return end(cx);
                other_failed_ = this->failed(); // delivered after an item that is ready
                auto item = upstream_->poll_next(cx);
                if (cx.stopping()) return pending;
                if (item.is_done() || (item.is_pending() && other_failed_)) return end(cx);
                if (item.is_pending()) return this->wait(cx);
                if (latest_) {
                    unseen_ = false;
                    return value_type(*std::move(item), std::as_const(*latest_));
                }
                detail::drop_item(on_drop_, *std::move(item), drop_reason::unmatched);
                if (!cx.spend() || cx.leaving()) return cx.yield();
            }
        } catch (...) {
            drop(cx);
            throw;
        }
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
        prefetching_operator::outline(out);
    }

private:
    bool wants(context&) const noexcept { return true; }
    void on_item(item_t<Other> item, context&) {
        std::optional<item_t<Other>> old;
        if (latest_ && unseen_) old.emplace(*std::move(latest_));
        latest_.emplace(std::move(item));
        unseen_ = true;
        if (old) detail::drop_item(on_drop_, *std::move(old), drop_reason::replaced);
    }

    poll<value_type> end(context& cx) {
        drop(cx);
        if (cx.stopping()) return pending;
        return this->finish();
    }
    /// Destroys the streams, and drops an item of the other stream that has found no partner.
    void drop(context& cx) noexcept {
        upstream_.reset();
        this->abandon();
        if (!unseen_) latest_.reset();
        detail::drop_unmatched(on_drop_, latest_, cx);
    }

    detail::resettable<S> upstream_; // until the end
    std::optional<item_t<Other>> latest_;
    bool unseen_ = false; // the newest item was in no pair yet
    bool other_failed_ = false;
    [[no_unique_address]] OnDrop on_drop_;
};

struct with_latest_from_fn : detail::operator_fn<with_latest_from_fn> {
    template <class S, class Other, class OnDrop>
    using pipeline = with_latest_from_stream<S, Other, OnDrop>;

    template <class T, class Other, class OnDrop>
    static consteval bool accepts() {
        if constexpr (!stream<Other>) {
            static_assert(detail::always_false<Other>, "weir::with_latest_from(other): other is not a stream");
            return false;
        } else {
            constexpr bool copies = std::copy_constructible<item_t<Other>>;
            static_assert(copies, "weir::with_latest_from(other): an item of other goes into several pairs, and "
                                  "cannot be copied");
            constexpr bool kept = detail::keepable<item_t<Other>>;
            static_assert(kept,
                          "weir::with_latest_from(other) keeps an item of other, and that borrows its memory; write "
                          "other | to_owned(), or outlives(view) around what outlives it");
            constexpr bool drops = detail::drops_items<OnDrop, T, item_t<Other>>;
            static_assert(drops,
                          "weir::with_latest_from(other, on_drop): on_drop cannot be called with an item of each of "
                          "the streams, alone or with a drop_reason, or returns an operation or a stream, which "
                          "nothing would await");
            return copies && kept && drops;
        }
    }

    template <class Other, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Other&& other, OnDrop on_drop = {}) const {
        using other_t = std::remove_cvref_t<Other>;
        if constexpr (!std::is_constructible_v<other_t, Other>) {
            static_assert(detail::always_false<Other>, "weir::with_latest_from(other): a stream is used once and "
                                                       "cannot be copied: write with_latest_from(std::move(other))");
            return detail::invalid_closure();
        } else {
            return with(other_t(std::forward<Other>(other)), std::move(on_drop));
        }
    }
};

/// with_latest_from(other): each item of upstream with a copy of the newest item of the other stream, as a pair.
///
///     in                       -1--2----3-|
///     other                    --a---b-------|
///     with_latest_from(other)  ----A----B-|     (2, a), (3, b)
///
/// Items of upstream that arrive before the first item of the other stream are dropped, as in Rx. From the first poll
/// on the other stream is asked for all its items, whether or not the consumer is busy. An item of the other stream
/// that arrives in the same turn as an item of upstream is in the pair.
///
/// Ends: with upstream, or when the other stream has ended without an item.
/// Errors: upstream's; the other stream's, after an item of upstream that is ready. Both streams
/// are destroyed first.
/// Dropped: items that were in no pair are passed to on_drop, the second argument, if there is one: those of upstream
/// that arrive before an item of the other stream, and those of the other stream that a newer one replaces or that
/// are left when the streams have been destroyed.
/// Cost: no allocation; one item of the other stream held, and a copy of it per pair.
/// See: combine_latest, zip, sample.
inline constexpr with_latest_from_fn with_latest_from{};

} // namespace weir
