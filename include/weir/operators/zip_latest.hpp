// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The newest items of several streams, whenever the consumer asks and one of them is new.
template <class Sides, class OnDrop = detail::drop_silently>
class zip_latest_stream;

template <stream... S, class OnDrop>
class [[nodiscard("add a sink and co_await it")]] zip_latest_stream<detail::zipped_sides<S...>, OnDrop> {
    static_assert((detail::keepable<item_t<S>> && ...),
                  "weir::zip_latest(streams...) keeps items, and these borrow their memory; put to_owned() before it, "
                  "or outlives(view) around what outlives it");
    static constexpr std::size_t count = sizeof...(S);

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit zip_latest_stream(OnDrop on_drop, S... sources)
        : sides_(std::move(sources)...), on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        if (open_ && !ready()) {
            if (!driver_.bound()) {
                driver_.bind(*this, cx.waker());
                driver_.wake();
            }
            if (driver_.queued()) {
                nested_context own{cx, driver_};
                ask_all(own, asks_for::one_tuple);
                if (cx.stopping()) return pending;
            } else {
                cx.propagate_deadline_to(driver_);
            }
        }
        if (ready()) {
            fresh_ = turn_given_ = false;
            unseen_ = {};
            if (open_) driver_.wake();
            return std::apply([](const auto&... each) { return poll<value_type>(value_type(*each.held...)); },
                              sides_.all);
        }
        if (open_) {
            consumer_.arm(cx.waker());
            return pending;
        }
        if (error_ != nullptr) std::rethrow_exception(error_);
        return done;
    }

    void outline(stage_outline& out) const {
        out.holds(count);
        std::apply([&](const auto&... each) { (out.upstream(each.source), ...); }, sides_.all);
    }

private:
    enum class asks_for : bool { one_tuple, all };

    bool ready() const noexcept { return fresh_ && missing_ == 0; }

    /// Called by the run queue.
    void drive() noexcept {
        if (!open_) return;
        context cx{driver_};
        ask_all(cx, asks_for::all);
        if (!cx.stopping() && (ready() || !open_)) consumer_.wake();
    }

    /// Polls the streams in turn until all are pending.
    void ask_all(context& cx, asks_for until) noexcept {
        std::array<bool, count> waits{};
        for (std::size_t waiting = 0; waiting != count; next_ = (next_ + 1) % count) {
            if (waits[next_]) continue;
            if (ready()) {
                if (until == asks_for::one_tuple) return;
                // A consumer that keeps up sees every item: it gets a turn before one is replaced.
                if (!std::exchange(turn_given_, true)) {
                    static_cast<void>(cx.yield());
                    return;
                }
            }
            const answer got = ask_side(next_, cx);
            if (cx.stopping()) return;
            if (got == answer::end) return close(cx);
            if (got == answer::pending) {
                waits[next_] = true;
                ++waiting;
            } else if (!cx.spend() || cx.leaving()) {
                next_ = (next_ + 1) % count;
                static_cast<void>(cx.yield());
                return;
            }
        }
    }

    enum class answer : unsigned char { item, pending, end };

    template <std::size_t I = 0>
    answer ask_side(std::size_t number, context& cx) noexcept {
        if constexpr (I + 1 != count) {
            if (number != I) return ask_side<I + 1>(number, cx);
        }
        auto& side = std::get<I>(sides_.all);
        try {
            auto item = side.source->poll_next(cx);
            if (cx.stopping() || item.is_pending()) return answer::pending;
            if (item.is_done()) return answer::end;
            std::optional<item_t<side_source<I>>> old;
            if (side.held) { // a move that throws leaves none
                if (unseen_[I]) old.emplace(*std::move(side.held));
                side.held.reset();
                ++missing_;
            }
            side.held.emplace(*std::move(item));
            --missing_;
            fresh_ = unseen_[I] = true;
            if (old) detail::drop_item(on_drop_, *std::move(old), drop_reason::replaced);
            return answer::item;
        } catch (...) {
            if (!cx.stopping()) error_ = std::current_exception();
            return answer::end;
        }
    }

    template <std::size_t I>
    using side_source = std::tuple_element_t<I, std::tuple<S...>>;

    /// Destroys the streams, and drops the items that have found no partner.
    void close(context& cx) noexcept {
        open_ = false;
        std::apply([](auto&... each) { (each.source.reset(), ...); }, sides_.all);
        if (missing_ != 0) drop_held(cx, std::index_sequence_for<S...>{});
    }

    template <std::size_t... I>
    void drop_held(context& cx, std::index_sequence<I...>) noexcept {
        const auto drop_one = [&](auto& held, bool unseen) {
            if (!unseen) held.reset();
            detail::drop_unmatched(on_drop_, held, cx);
        };
        (drop_one(std::get<I>(sides_.all).held, unseen_[I]), ...);
    }

    friend detail::described;

    void describe(detail::wait_report& report) {
        report.stage(detail::type_name<zip_latest_stream>(), "has nothing new, and has asked all streams");
        report.cause(driver_);
    }

    detail::zipped_sides<S...> sides_;
    std::array<bool, count> unseen_{}; // the stream's item was in no tuple yet
    std::size_t missing_ = count;
    std::size_t next_ = 0;    // the stream to be asked next
    bool fresh_ = false;      // an item has arrived since the last tuple
    bool turn_given_ = false; // whether the consumer had a turn since a tuple is ready
    bool open_ = true;
    std::exception_ptr error_;
    detail::described_slot consumer_{*this};
    detail::member_waker<zip_latest_stream, &zip_latest_stream::drive> driver_;
    [[no_unique_address]] OnDrop on_drop_;
};

struct zip_latest_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        const auto make = []<class OnDrop, class... Args>(OnDrop on_drop, Args&&... args) {
            return of_streams(std::move(on_drop), std::forward<Args>(args)...);
        };
        return detail::with_on_drop(make, std::forward<First>(front), std::forward<Rest>(rest)...);
    }

private:
    template <class OnDrop, class... Args>
    static constexpr auto of_streams(OnDrop on_drop, Args&&... streams) {
        if constexpr (!(stream<std::remove_cvref_t<Args>> && ...)) {
            static_assert(detail::always_false<OnDrop>, "weir::zip_latest(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<Args>, Args> && ...)) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::zip_latest(streams...): a stream is used once and cannot be copied: write "
                          "zip_latest(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::copy_constructible<item_t<std::remove_cvref_t<Args>>> && ...)) {
            static_assert(detail::always_false<OnDrop>, "weir::zip_latest(streams...): an item goes into several "
                                                        "tuples, and cannot be copied");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::drops_items<OnDrop, item_t<std::remove_cvref_t<Args>>...>) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::zip_latest(streams..., on_drop): the last argument is neither a stream nor a function "
                          "that can be called with an item of each of the streams, and returns nothing to be awaited");
            return detail::invalid_pipeline{};
        } else {
            return zip_latest_stream<detail::zipped_sides<std::remove_cvref_t<Args>...>, OnDrop>(
                std::move(on_drop), std::forward<Args>(streams)...);
        }
    }
};

/// zip_latest(streams...): copies of the newest items of all as a tuple, once all have given one, and again when one of
/// them has a newer one.
///
///     a                 -1---2-------3--4---|
///     b                 ---a------b------------|
///     zip_latest(a, b)  ---A-B----C--D--E---|     (1, a), (2, a), (2, b), (3, b), (4, b)
///     consumer          takes one every six ticks
///     zip_latest(a, b)  ---A-----B-----E----|
///
/// From the first poll on all streams are polled, whether or not the consumer is busy, and a newer item replaces the
/// one before. A consumer that is busy, or waits for the first item of another stream, misses the replaced items; one
/// that keeps up sees every item. Streams that are ready take turns.
///
/// Ends: with the first stream that ends, as Pekko's zipLatest. Errors: the first one. A tuple
/// with a new item comes before either, when all streams have been destroyed.
/// Dropped: items that were in no tuple are passed to on_drop, the last argument, if there is one: those that a newer
/// one replaces, and those that wait for the first item of another stream that has none.
/// Cost: no allocation; one item of each held, and a copy of each per tuple.
/// See: combine_latest (loses no item, and ends with the last stream), zip, with_latest_from.
inline constexpr zip_latest_fn zip_latest{};

} // namespace weir
