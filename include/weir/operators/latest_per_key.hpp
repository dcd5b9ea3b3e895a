// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/keyed_entries.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

namespace detail {

/// How latest_per_key hands on what it holds.
enum class held_items : bool { one_by_one, as_a_frame };

} // namespace detail

/// The items of an upstream, of which the newest for each key is held while the consumer is busy.
template <stream S, class Key, detail::held_items Emits, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] latest_per_key_stream
    : public detail::prefetching_operator<latest_per_key_stream<S, Key, Emits, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<latest_per_key_stream, S>;
    friend prefetching_operator;

    using item_type = item_t<S>;
    using key_type = detail::key_t<Key, item_type>;
    static constexpr bool in_frames = Emits == detail::held_items::as_a_frame;

public:
    using value_type = std::conditional_t<in_frames, std::vector<item_type>, item_type>;

    latest_per_key_stream(S upstream, std::size_t n, Key key, OnDrop on_drop)
        : prefetching_operator(std::move(upstream)),
          n_{n},
          key_(std::move(key)),
          on_drop_(std::move(on_drop)),
          entries_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (held_.empty() && this->open()) {
            if (!this->drive(cx)) return pending;
            if (held_.empty() && this->open()) return this->wait(cx);
        }
        if (held_.empty()) return this->finish();
        turn_given_ = false;
        this->resume();
        if constexpr (in_frames) {
            value_type frame;
            frame.reserve(size_);
            do {
                frame.push_back(std::move(*held_.front().item));
            } while (release_oldest());
            return frame;
        } else {
            poll<value_type> item(std::move(*held_.front().item));
            release_oldest();
            return item;
        }
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        prefetching_operator::outline(out);
    }

private:
    struct entry : detail::keyed_entry<key_type> {
        std::optional<item_type> item;
    };

    /// To be called when the oldest item was taken. Returns whether another one is held.
    bool release_oldest() noexcept {
        entry& oldest = held_.front();
        oldest.item.reset();
        oldest.unlink();
        entries_.idle(oldest);
        return --size_ != 0;
    }

    bool wants(context& cx) noexcept {
        if (size_ == 0) return true;
        if (size_ == n_) return false;
        if (turn_given_) return true;
        // A consumer that keeps up sees every item: it has a turn before an item is replaced.
        turn_given_ = true;
        static_cast<void>(cx.yield());
        return false;
    }

    void on_item(item_type item, context& cx) {
        const key_type key(std::invoke(key_, std::as_const(item)));
        if (cx.stopping()) return;
        entry& own = entries_.find_or_add(key);
        if (own.item) {
            item_type old(std::move(*own.item));
            own.item.emplace(std::move(item)); // in the place of the old one
            detail::drop_item(on_drop_, std::move(old), drop_reason::replaced);
            return;
        }
        own.item.emplace(std::move(item));
        own.unlink();
        held_.push_back(own);
        if (size_++ == 0) this->notify();
    }

    std::size_t n_;
    std::size_t size_ = 0;
    bool turn_given_ = false; // whether the consumer had a turn since it took an item
    [[no_unique_address]] Key key_;
    [[no_unique_address]] OnDrop on_drop_;
    detail::keyed_entries<key_type, entry> entries_;
    detail::intrusive_list<entry> held_; // in the order in which the consumer receives their items
};

namespace detail {

template <held_items Emits>
struct latest_per_key_fn : operator_fn<latest_per_key_fn<Emits>> {
    template <class S, class N, class Key, class OnDrop>
    using pipeline = latest_per_key_stream<S, Key, Emits, OnDrop>;

    template <class T, class N, class Key, class OnDrop>
    static consteval bool accepts() {
        constexpr bool kept = keepable<T>;
        static_assert(kept, "weir::latest_per_key(n, key) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        constexpr bool drops = drops_items<OnDrop, T>;
        static_assert(drops, "weir::latest_per_key(n, key, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns "
                             "an operation or a stream, which nothing would await");
        constexpr bool called = gives_object<Key&, const T&>;
        static_assert(called, "weir::latest_per_key(n, key): key cannot be called with an item, or returns nothing");
        if constexpr (called) {
            using key_type = key_t<Key, T>;
            constexpr bool hashed = hashable<key_type> && std::copyable<key_type>;
            static_assert(hashed, "weir::latest_per_key(n, key): the keys have no std::hash, no == or cannot be "
                                  "copied; return a key that has, such as a number or a std::string");
            constexpr bool owned = keepable<key_type>;
            static_assert(owned, "weir::latest_per_key(n, key) keeps keys, and these borrow their memory; return a key "
                                 "that owns it");
            return kept && drops && hashed && owned;
        }
        return false;
    }

    template <std::integral N, class Key, class OnDrop = drop_silently>
    constexpr auto operator()(N n, Key key, OnDrop on_drop = {}) const {
        constexpr bool in_frames = Emits == held_items::as_a_frame;
        return latest_per_key_fn::with(at_least_one(n, in_frames
                                                           ? "weir::latest_per_key_frames(n, key): n must be at least 1"
                                                           : "weir::latest_per_key(n, key): n must be at least 1"),
                                       std::move(key), std::move(on_drop));
    }
};

} // namespace detail

/// latest_per_key(n, key): while the consumer is busy, the newest item for each key is held, and older ones are
/// dropped.
///
///     in                       a--B--c--D--e----|
///     consumer                 takes an item every seven ticks
///     latest_per_key(9, case)  a------B------e------D|     where the key is the case of the letter
///
///     co_await (prices() | weir::latest_per_key(1000, &price::symbol) | weir::for_each(publish));
///
/// Keys are served in turn: a newer item takes the place of the older one of its key, and a key that was served waits
/// behind the others. A consumer that keeps up sees every item. From the first poll on upstream is polled whether or
/// not the consumer is busy, except while items of n keys are held: then it waits, and nothing is lost.
///
/// Ends: with upstream. Errors: upstream's, and what key throws. The items held come before either, when
/// upstream has been destroyed.
/// Dropped: replaced items are passed to on_drop, the last argument, if there is one; items that are held when the
/// operator is dropped are lost.
/// Cost: a look-up of the key per item; for a new key an allocation as long as there were fewer than n; up to n items
/// and keys held.
/// See: conflate_with, sample, map_async_keyed.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr detail::latest_per_key_fn<detail::held_items::one_by_one> latest_per_key{};

/// latest_per_key_frames(n, key): the same, with everything that is held as one std::vector: a frame with at most one
/// item for each key, the newest.
///
///     in                              a--B--c--D--e----|
///     consumer                        takes a frame every seven ticks
///     latest_per_key_frames(9, case)  (a)----(Bc)---(eD)|     where the key is the case of the letter
///
///     co_await (prices() | weir::latest_per_key_frames(1000, &price::symbol) | weir::for_each(draw));
///
/// The items of a frame are in the order in which their keys came. A frame is never empty. A consumer that keeps up
/// gets each item in a frame of its own.
///
/// Ends, Errors, Dropped: as latest_per_key; the items held come as a last frame.
/// Cost: that of latest_per_key, and an allocation for each frame.
/// See: batch_while_busy (all items), sample.
inline constexpr detail::latest_per_key_fn<detail::held_items::as_a_frame> latest_per_key_frames{};

} // namespace weir
