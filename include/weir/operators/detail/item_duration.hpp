// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/time.hpp>

namespace weir::detail {

/// The same duration for every item.
class fixed_duration {
public:
    static constexpr bool calls = false;

    explicit constexpr fixed_duration(duration d) noexcept : d_{d} {}

    template <class T>
    duration operator()(const T&) const noexcept {
        return d_;
    }

private:
    duration d_;
};

/// The duration that a function of the user's returns for an item.
template <class F>
class duration_of_item {
public:
    static constexpr bool calls = true;

    /// @param what  operator and argument, for the message of a negative duration
    constexpr duration_of_item(F f, const char* what) : f_(std::move(f)), what_{what} {}

    template <class T>
    duration operator()(const T& item) {
        const duration d = std::invoke(f_, item);
        if (d < duration::zero()) throw std::invalid_argument{what_};
        return d;
    }

private:
    [[no_unique_address]] F f_;
    const char* what_;
};

/// Whether a duration, or the function that returns it, can be used with items of type T.
template <class D, class T>
inline constexpr bool lasts_for = true;
template <class F, class T>
inline constexpr bool lasts_for<duration_of_item<F>, T> = requires(F& f, const T& item) {
    { std::invoke(f, item) } -> std::convertible_to<duration>;
};

/// An argument that is a function of the item and not a duration.
template <class F>
concept item_function = !std::convertible_to<F, duration>;

} // namespace weir::detail
