// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <weir/core/context.hpp>
#include <weir/core/detail/kept_result.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/scope/detail/concurrent_operations.hpp>

namespace weir {

/// The index and the result of the first operation that ended.
template <class T>
struct winner {
    std::size_t index;
    T value;
};
template <>
struct winner<void> {
    std::size_t index;
};

namespace detail {

/// Returns the winner's result, or throws its error.
template <class Winner, class Branch>
poll<Winner> result_of(Branch& one) {
    if (one.error != nullptr) std::rethrow_exception(std::move(one.error));
    if constexpr (std::same_as<Winner, winner<void>>) {
        return Winner{one.index};
    } else {
        using kept = decltype(Winner::value);
        return Winner{one.index, static_cast<kept&&>(*std::move(one.result))};
    }
}

template <class... T>
struct common_result
    : std::type_identity<std::variant<kept_object_t<std::conditional_t<std::is_void_v<T>, unit, T>>...>> {};
template <class T, std::same_as<T>... Same>
struct common_result<T, Same...> : std::type_identity<T> {};

} // namespace detail

/// The operation of `when_any` for operations of any types.
template <operation... A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_any_operation {
    using common = typename detail::common_result<await_result_t<A>...>::type;

public:
    using result_type = winner<common>;

    explicit when_any_operation(A... operations) : all_{std::in_place, std::move(operations)...} {}

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        return all_.branches().apply([this](auto&... one) { return this->template result<0>(one...); });
    }

private:
    template <std::size_t I, class One, class... Rest>
    poll<result_type> result(One& one, Rest&... rest) {
        if constexpr (sizeof...(Rest) != 0) {
            if (all_.winner() != I) return result<I + 1>(rest...);
        }
        if constexpr ((std::same_as<await_result_t<A>, common> && ...)) {
            return detail::result_of<result_type>(one);
        } else {
            if (one.error != nullptr) std::rethrow_exception(std::move(one.error));
            return result_type{I, common{std::in_place_index<I>, *std::move(one.result)}};
        }
    }

    detail::concurrent_operations<detail::pack_of_operations<A...>, detail::ends_with::first> all_;
};

/// The operation of `when_any` for a range of operations.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_any_of_range_operation {
public:
    using result_type = winner<await_result_t<A>>;

    template <class Range>
    explicit when_any_of_range_operation(std::in_place_t, Range&& operations)
        : all_{std::in_place, std::forward<Range>(operations)} {
        if (all_.branches().size() == 0) throw std::invalid_argument{"weir::when_any(range): the range is empty"};
    }

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        return detail::result_of<result_type>(all_.branches()[all_.winner()]);
    }

private:
    detail::concurrent_operations<detail::range_of_operations<A>, detail::ends_with::first> all_;
};

/// `co_await when_any(operations...)`: runs the operations concurrently until the first has ended, and returns its
/// index and result, or throws its error. The others are dropped before that.
///
///     auto [index, reply] = co_await weir::when_any(ask(primary), ask(replica));
///
/// When all operations have the same result type, the value has that type; without results there is no value. Otherwise
/// the value is a std::variant with one alternative per operation, in which weir::unit stands for no result and
/// std::reference_wrapper for a reference. The first of several ready operations wins; those behind it are not started.
///
/// when_any(range of operations) does the same for a range.
///
/// Errors: the error of the operation that ended first.
/// See: when_all, hedge, with_timeout.
///
/// @throws std::invalid_argument when the range is empty
inline constexpr detail::concurrent_operations_fn<when_any_operation, when_any_of_range_operation> when_any{};

} // namespace weir
