// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

namespace detail {

template <class... T>
struct type_list {};

/// The types of the objects inside a T, where T is a container of the standard library.
template <class T>
struct parts_of : std::type_identity<type_list<>> {};
template <class T>
struct parts_of<const T> : std::type_identity<type_list<T>> {};
template <class A, class B>
struct parts_of<std::pair<A, B>> : std::type_identity<type_list<A, B>> {};
template <class... T>
struct parts_of<std::tuple<T...>> : std::type_identity<type_list<T...>> {};
template <class... T>
struct parts_of<std::variant<T...>> : std::type_identity<type_list<T...>> {};
template <class T>
struct parts_of<std::optional<T>> : std::type_identity<type_list<T>> {};
template <class T, std::size_t N>
struct parts_of<std::array<T, N>> : std::type_identity<type_list<T>> {};
template <class T, class Allocator>
struct parts_of<std::vector<T, Allocator>> : std::type_identity<type_list<T>> {};
template <class T, class Deleter>
struct parts_of<std::unique_ptr<T, Deleter>> : std::type_identity<type_list<T>> {};
template <class T>
struct parts_of<std::shared_ptr<T>> : std::type_identity<type_list<T>> {};

} // namespace detail

/// Whether a T must stay on the thread that created it, as `bytes` must. Operators that cross threads reject such
/// types, also inside a pair, tuple, variant, optional, array, vector or smart pointer.
///
/// Specialise it for such a type of your own:
///
///     template <>
///     inline constexpr bool weir::thread_bound<my::handle> = true;
template <class T>
inline constexpr bool thread_bound = []<class... Part>(detail::type_list<Part...>) {
    return (thread_bound<Part> || ...);
}(typename detail::parts_of<T>::type{});

/// Whether a T refers to memory that another object owns and that may change with the next item, as std::string_view
/// does. Operators that keep items reject such types, also inside the containers above. A pointer does not count as
/// borrowed, because its type already shows that another object owns the memory.
///
/// Specialise it for such a type of your own, together with `owned`.
template <class T>
inline constexpr bool borrowed = []<class... Part>(detail::type_list<Part...>) {
    return (borrowed<Part> || ...);
}(typename detail::parts_of<T>::type{});

template <class Char, class Traits>
inline constexpr bool borrowed<std::basic_string_view<Char, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool borrowed<std::span<T, N>> = true;
template <class T>
inline constexpr bool borrowed<std::initializer_list<T>> = true;

/// A borrowed T whose memory, as the user asserts, outlives the pipeline.
template <class T>
class outliving {
public:
    constexpr explicit outliving(T view) noexcept(std::is_nothrow_move_constructible_v<T>) : view_(std::move(view)) {}

    constexpr const T& get() const noexcept { return view_; }
    constexpr operator const T&() const noexcept { return view_; }
    constexpr const T& operator*() const noexcept { return view_; }
    constexpr const T* operator->() const noexcept { return std::addressof(view_); }

    friend constexpr bool operator==(const outliving&, const outliving&) = default;

private:
    T view_;
};

/// outlives(view): asserts that the memory of a view outlives the pipeline, so that the view itself may be kept.
///
///     static const std::string text = load();
///     weir::from_range(split(text)) | weir::map([](std::string_view word) { return weir::outlives(word); })
///                                   | weir::to<std::vector>()
template <class T>
constexpr outliving<T> outlives(T view) {
    return outliving<T>(std::move(view));
}

/// The conversion that `to_owned()` applies: `copy` turns a T that borrows, or that is bound to its thread, into a
/// value that owns its memory.
///
///     template <>
///     struct weir::owned<my::row_view> {
///         static my::row copy(const my::row_view& view) { return my::row(view); }
///     };
template <class T>
struct owned {
    static T copy(T&& item)
        requires(!borrowed<T> && !thread_bound<T>)
    {
        return std::move(item);
    }
};

template <class Char, class Traits>
struct owned<std::basic_string_view<Char, Traits>> {
    static std::basic_string<Char, Traits> copy(std::basic_string_view<Char, Traits> view) {
        return std::basic_string<Char, Traits>(view);
    }
};
template <class T, std::size_t N>
struct owned<std::span<T, N>> {
    static std::vector<std::remove_cv_t<T>> copy(std::span<T, N> view) {
        return std::vector<std::remove_cv_t<T>>(view.begin(), view.end());
    }
};

namespace detail {

template <class T>
concept ownable = requires(T&& item) { owned<T>::copy(std::move(item)); };
template <ownable T>
using owned_t = decltype(owned<T>::copy(std::declval<T>()));

} // namespace detail

template <detail::ownable A, detail::ownable B>
struct owned<std::pair<A, B>> {
    static std::pair<detail::owned_t<A>, detail::owned_t<B>> copy(std::pair<A, B>&& item) {
        return {owned<A>::copy(std::move(item.first)), owned<B>::copy(std::move(item.second))};
    }
};
template <detail::ownable... T>
struct owned<std::tuple<T...>> {
    static std::tuple<detail::owned_t<T>...> copy(std::tuple<T...>&& item) {
        return std::apply(
            [](T&... part) { return std::tuple<detail::owned_t<T>...>(owned<T>::copy(std::move(part))...); }, item);
    }
};
template <detail::ownable T>
struct owned<std::optional<T>> {
    static std::optional<detail::owned_t<T>> copy(std::optional<T>&& item) {
        std::optional<detail::owned_t<T>> result;
        if (item) result.emplace(owned<T>::copy(*std::move(item)));
        return result;
    }
};
template <detail::ownable T, class Allocator>
    requires(borrowed<T> || thread_bound<T>)
struct owned<std::vector<T, Allocator>> {
    static std::vector<detail::owned_t<T>> copy(std::vector<T, Allocator>&& items) {
        std::vector<detail::owned_t<T>> result;
        result.reserve(items.size());
        for (T& item : items) result.push_back(owned<T>::copy(std::move(item)));
        return result;
    }
};

namespace detail {

/// An item that may be kept while upstream is polled for the next.
template <class T>
concept keepable = !borrowed<T>;

/// An item or a result that may be passed to another thread.
template <class T>
concept crossable = !borrowed<T> && !thread_bound<T>;

} // namespace detail

} // namespace weir
