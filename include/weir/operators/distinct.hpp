// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/hashable.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream whose key no earlier item had.
template <stream S, class Key>
class [[nodiscard("add a sink and co_await it")]] distinct_stream
    : public detail::selection<distinct_stream<S, Key>, S, Key> {
public:
    distinct_stream(S upstream, std::size_t limit, Key key)
        : distinct_stream::selection(std::move(upstream)), limit_{limit}, key_(std::move(key)) {}

    bool selects(const item_t<S>& item) {
        auto&& key = std::invoke(key_, item);
        if (seen_.contains(key)) return false;
        if (seen_.size() == limit_) {
            throw limit_exceeded{"weir::distinct: more than " + std::to_string(limit_) + " different keys"};
        }
        seen_.insert(std::forward<decltype(key)>(key));
        return true;
    }

    void outline(stage_outline& out) const {
        out.holds(limit_);
        distinct_stream::selection::outline(out);
    }

private:
    std::unordered_set<detail::key_t<Key, item_t<S>>> seen_;
    std::size_t limit_;
    [[no_unique_address]] Key key_;
};

struct distinct_fn : detail::operator_fn<distinct_fn> {
    template <class S, class Limit, class Key>
    using pipeline = distinct_stream<S, Key>;

    template <class T, class Limit, class Key>
    static consteval bool accepts() {
        constexpr bool called = detail::gives_object<Key&, const T&>;
        static_assert(called, "weir::distinct(limit, key): key cannot be called with an item, or returns nothing");
        if constexpr (called) {
            using key_type = detail::key_t<Key, T>;
            constexpr bool hashed = detail::hashable<key_type>;
            static_assert(hashed,
                          "weir::distinct(limit, key): the keys have no std::hash or no ==; give a key that has, "
                          "such as a number or a std::string");
            constexpr bool copied = std::copy_constructible<key_type>;
            static_assert(copied, "weir::distinct(limit): the items cannot be copied; write distinct(limit, key)");
            constexpr bool kept = detail::keepable<key_type>;
            static_assert(kept, "weir::distinct keeps keys, and these borrow their memory; give a key that owns it, or "
                                "put to_owned() before it");
            return hashed && copied && kept;
        }
        return false;
    }

    template <std::integral N, class Key = std::identity>
    constexpr auto operator()(N limit, Key key = {}) const {
        return with(detail::at_least_one(limit, "weir::distinct(limit): limit must be at least 1"), std::move(key));
    }
};

/// distinct(limit): the items that did not come before; distinct(limit, key): those whose key did not.
///
///     in            --1--2--1--3--2--|
///     distinct(10)  --1--2-----3-----|
///
/// All keys are remembered to the end of the stream. There may be as many as limit; a stream that never ends needs
/// distinct_until_changed, or keys of which there are few.
///
/// Ends: with upstream. Errors: upstream's, what key throws, and limit_exceeded when there is one key more than limit.
/// Cost: a copy and an allocation for each different key; nothing for an item whose key is known.
/// See: distinct_until_changed, filter.
///
/// @throws std::invalid_argument when limit is less than 1
inline constexpr distinct_fn distinct{};

} // namespace weir
