// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/drop_silently.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/keyed_entries.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of an upstream, of which the newest for each key is held while the consumer is busy.
template <stream S, class Key, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] latest_per_key_stream
    : public detail::prefetching_operator<latest_per_key_stream<S, Key, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<latest_per_key_stream, S>;
    friend prefetching_operator;

    using key_type = detail::key_t<Key, item_t<S>>;

public:
    using value_type = item_t<S>;

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
        entry& oldest = held_.front();
        poll<value_type> item(std::move(*oldest.item));
        oldest.item.reset();
        oldest.unlink();
        entries_.idle(oldest);
        --size_;
        turn_given_ = false;
        this->resume();
        return item;
    }

private:
    struct entry : detail::keyed_entry<key_type> {
        std::optional<value_type> item;
    };

    bool wants(context& cx) noexcept {
        if (size_ == 0) return true;
        if (size_ == n_) return false;
        if (turn_given_) return true;
        // A consumer that keeps up sees every item: it has a turn before an item is replaced.
        turn_given_ = true;
        static_cast<void>(cx.yield());
        return false;
    }

    void on_item(value_type item, context& cx) {
        const key_type key(std::invoke(key_, std::as_const(item)));
        if (cx.stopping()) return;
        entry& own = entries_.find_or_add(key);
        if (own.item) {
            value_type old(std::move(*own.item));
            own.item.emplace(std::move(item)); // in the place of the old one
            static_cast<void>(std::invoke(on_drop_, std::move(old)));
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

struct latest_per_key_fn : detail::operator_fn<latest_per_key_fn> {
    template <class S, class N, class Key, class OnDrop>
    using pipeline = latest_per_key_stream<S, Key, OnDrop>;

    template <class T, class N, class Key, class OnDrop>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::latest_per_key(n, key) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        constexpr bool drops = std::invocable<OnDrop&, T> && !detail::returns_work<OnDrop&, T>;
        static_assert(drops, "weir::latest_per_key(n, key, on_drop): on_drop cannot be called with an item, or returns "
                             "an operation or a stream, which nothing would await");
        constexpr bool called = detail::gives_object<Key&, const T&>;
        static_assert(called, "weir::latest_per_key(n, key): key cannot be called with an item, or returns nothing");
        if constexpr (called) {
            using key_type = detail::key_t<Key, T>;
            constexpr bool hashed = detail::hashable<key_type> && std::copyable<key_type>;
            static_assert(hashed, "weir::latest_per_key(n, key): the keys have no std::hash, no == or cannot be "
                                  "copied; return a key that has, such as a number or a std::string");
            constexpr bool owned = detail::keepable<key_type>;
            static_assert(owned, "weir::latest_per_key(n, key) keeps keys, and these borrow their memory; return a key "
                                 "that owns it");
            return kept && drops && hashed && owned;
        }
        return false;
    }

    template <std::integral N, class Key, class OnDrop = detail::drop_silently>
    constexpr auto operator()(N n, Key key, OnDrop on_drop = {}) const {
        return with(detail::at_least_one(n, "weir::latest_per_key(n, key): n must be at least 1"), std::move(key),
                    std::move(on_drop));
    }
};

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
/// Ends: with upstream. Errors: upstream's, and what key and on_drop throw. The items held come before either, when
/// upstream has been destroyed.
/// Dropped: replaced items are passed to on_drop, the last argument, if there is one; items that are held when the
/// operator is dropped are lost.
/// Cost: a look-up of the key per item; for a new key an allocation as long as there were fewer than n; up to n items
/// and keys held.
/// See: conflate_with, sample, map_async_keyed.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr latest_per_key_fn latest_per_key{};

} // namespace weir
