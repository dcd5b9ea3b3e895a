// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

/// Thrown by single() when a stream has no item, or more than one.
class not_single : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

namespace detail {

template <class T>
class keep_single {
public:
    using result_type = T;
    static constexpr held_bound held{.items = 1};

    bool add(T&& item) {
        if (single_) throw not_single{"weir::single: the stream has more than one item"};
        single_.emplace(std::move(item));
        return true;
    }
    T finish() {
        if (!single_) throw not_single{"weir::single: the stream has no item"};
        return std::move(*single_);
    }

private:
    std::optional<T> single_;
};

} // namespace detail

struct single_fn : detail::operator_fn<single_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::keep_single<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::single() keeps an item, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return kept;
    }
};

/// single(): the only item of a stream.
///
///     const user found = co_await (query("select ... where id = ?", id) | weir::single());
///
/// The result is delivered when upstream has ended, since another item could follow until then.
///
/// Errors: upstream's; not_single, at the end of a stream without items, or at the second item, which drops upstream.
/// Cost: no allocation; one item held.
/// See: first, last, which return a std::optional.
inline constexpr single_fn single{};

} // namespace weir
