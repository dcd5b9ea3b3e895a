// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

/// Inserts an item into a container, by the cheapest available member function.
template <class Container, class T>
concept takes_at_back = requires(Container& c, T&& item) { c.emplace_back(std::move(item)); };
template <class Container, class T>
concept takes_pushed_back = requires(Container& c, T&& item) { c.push_back(std::move(item)); };
template <class Container, class T>
concept takes_inserted = requires(Container& c, T&& item) { c.insert(std::move(item)); };
template <class Container, class T>
concept takes_pushed = requires(Container& c, T&& item) { c.push(std::move(item)); };

template <class Container, class T>
concept holds_other_items =
    requires { typename Container::value_type; } && !std::convertible_to<T, typename Container::value_type>;

template <class Container, class T>
concept fillable =
    !holds_other_items<Container, T> && (takes_at_back<Container, T> || takes_pushed_back<Container, T> ||
                                         takes_inserted<Container, T> || takes_pushed<Container, T>);

/// A container that holds no views. An item that is converted on insertion is no longer borrowed.
template <class Container>
inline constexpr bool keeps_owned = true;
template <class Container>
    requires requires { typename Container::value_type; }
inline constexpr bool keeps_owned<Container> = keepable<typename Container::value_type>;

template <class T, class Container>
class fill_container {
public:
    using result_type = Container;
    static constexpr held_bound held{.items = held_bound::any_number};

    bool add(T&& item) {
        if constexpr (takes_at_back<Container, T>) {
            container_.emplace_back(std::move(item));
        } else if constexpr (takes_pushed_back<Container, T>) {
            container_.push_back(std::move(item));
        } else if constexpr (takes_inserted<Container, T>) {
            container_.insert(std::move(item));
        } else {
            container_.push(std::move(item));
        }
        return true;
    }
    Container finish() { return std::move(container_); }

private:
    Container container_{};
};

/// An iterator type for the deduction guides of containers.
template <class T>
struct item_iterator {
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&&;

    reference operator*() const;
    item_iterator& operator++();
    item_iterator operator++(int);
    bool operator==(const item_iterator&) const;
};

template <template <class...> class Container, class T>
using container_of = decltype(Container(std::declval<item_iterator<T>>(), std::declval<item_iterator<T>>()));

template <class S, class Container>
using filling_sink = accumulating_sink<S, fill_container<item_t<S>, Container>>;

template <class Container>
struct to_fn : operator_fn<to_fn<Container>> {
    template <class S>
    using pipeline = filling_sink<S, Container>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = fillable<Container, T>;
        static_assert(
            ok,
            "weir::to<Container>(): an item cannot be put into the container, or does not convert to what it holds");
        constexpr bool kept = keeps_owned<Container>;
        static_assert(kept, "weir::to<Container>(): keeps items, and these borrow their memory; put to_owned() before "
                            "it, or outlives(view) around what outlives it");
        return ok && kept;
    }
};

template <template <class...> class Container>
struct to_template_fn : operator_fn<to_template_fn<Container>> {
    template <class S>
    using pipeline = filling_sink<S, container_of<Container, item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool deduced = requires { typename container_of<Container, T>; };
        static_assert(deduced, "weir::to<Container>(): the container's item type cannot be deduced; write it out");
        if constexpr (deduced) return to_fn<container_of<Container, T>>::template accepts<T>();
        return false;
    }
};

} // namespace detail

/// to<Container>(): all items in a container, which is given with or without its item type.
///
///     std::vector<int> numbers = co_await (source() | weir::to<std::vector>());
///     auto by_name = co_await (pairs() | weir::to<std::map<std::string, int>>());
///
/// A map or a set keeps the first of several items with equal keys.
///
/// Errors: upstream's; the container is destroyed.
/// Cost: the container's allocations.
/// See: fold, as_range.
template <class Container>
constexpr auto to() {
    return detail::to_fn<Container>{}();
}

template <template <class...> class Container>
constexpr auto to() {
    return detail::to_template_fn<Container>{}();
}

} // namespace weir
