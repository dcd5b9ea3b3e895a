// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/grouped_stream.hpp>

namespace weir {

namespace detail {

/// Neighbours belong together when they have the same key.
template <class T, class F>
class chunk_by_key {
    using key_type = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;

public:
    static constexpr const char* name = "chunk_by";

    explicit chunk_by_key(F f) : f_(std::move(f)) {}

    bool joins(const std::vector<T>&, const T& item) {
        auto&& key = std::invoke(f_, item);
        if (key_ && *key_ == key) return true;
        const bool first = !key_;
        key_.emplace(std::forward<decltype(key)>(key));
        return first;
    }

private:
    std::optional<key_type> key_; // of the group
    [[no_unique_address]] F f_;
};

/// Neighbours belong together when a predicate holds for the two.
template <class T, class F>
class chunk_by_pair {
public:
    static constexpr const char* name = "chunk_by";

    explicit chunk_by_pair(F f) : f_(std::move(f)) {}

    bool joins(const std::vector<T>& group, const T& item) {
        return group.empty() || std::invoke(f_, static_cast<const T&>(group.back()), item);
    }

private:
    [[no_unique_address]] F f_;
};

template <class T, class F>
using chunk_by_rule =
    std::conditional_t<std::predicate<F&, const T&, const T&>, std::type_identity<chunk_by_pair<T, F>>,
                       std::type_identity<chunk_by_key<T, F>>>::type;

} // namespace detail

/// The items of an upstream in vectors of neighbours with one key.
template <stream S, class F>
using chunk_by_stream = detail::grouped_stream<S, typename detail::chunk_by_rule<item_t<S>, F>, F>;

struct chunk_by_fn : detail::operator_fn<chunk_by_fn> {
    template <class S, class F, class Limit>
    using pipeline = chunk_by_stream<S, F>;

    template <class T, class F, class Limit>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::chunk_by(f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        if constexpr (std::predicate<F&, const T&, const T&>) {
            return kept;
        } else {
            constexpr bool called = detail::gives_object<F&, const T&>;
            static_assert(called, "weir::chunk_by(f): f is neither a function of an item that returns a key, nor a "
                                  "predicate of two neighbours");
            if constexpr (called) {
                using key_type = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
                constexpr bool compared = std::equality_comparable<key_type>;
                static_assert(compared, "weir::chunk_by(key): the keys have no ==");
                constexpr bool remembered = std::constructible_from<key_type, std::invoke_result_t<F&, const T&>>;
                static_assert(remembered, "weir::chunk_by(key): the keys cannot be copied");
                constexpr bool owned = detail::keepable<key_type>;
                static_assert(owned, "weir::chunk_by(key) keeps a key, and these borrow their memory; give a key that "
                                     "owns it");
                return kept && compared && remembered && owned;
            }
            return false;
        }
    }

    template <class F>
    constexpr auto operator()(F f) const {
        return with(std::move(f), std::numeric_limits<std::size_t>::max());
    }
    template <class F, std::integral N>
    constexpr auto operator()(F f, N limit) const {
        return with(std::move(f), detail::at_least_one(limit, "weir::chunk_by(f, limit): limit must be at least 1"));
    }
};

/// chunk_by(key): neighbours with the same key, as a std::vector.
/// chunk_by(pred): neighbours for which pred(left, right) holds, as std::views::chunk_by.
///
///     in             --a--a--b--c--c--|
///     chunk_by(key)  --------(aa)-(b)----[(cc)|]
///
/// A group leaves when the first item of the next has come, or at the end. With chunk_by(f, limit) a group may have no
/// more than limit items.
///
/// Ends: with upstream. Errors: upstream's, what f throws, and limit_exceeded when a group grows beyond the limit. The
/// items held come before either, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: allocations for each vector, which grows to the size of its group; one group held, and an item of the next.
/// See: chunk, split_when, sliding.
///
/// @throws std::invalid_argument when limit is less than 1
inline constexpr chunk_by_fn chunk_by{};

} // namespace weir
