// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/kept_result.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/scope/detail/concurrent_operations.hpp>

namespace weir {

namespace detail {

/// Throws the error that decided the result, if there is one.
template <class Operations>
void rethrow_winner(concurrent_operations<Operations, ends_with::first_error>& all) {
    if (all.winner() == all.none) return;
    all.branches().each(all.winner(), [](auto& one) -> bool { std::rethrow_exception(one.error); });
}

} // namespace detail

/// The operation of `when_all` for operations of any types.
template <operation... A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_all_operation {
    static constexpr bool without_result = (std::is_void_v<await_result_t<A>> && ...);

public:
    using result_type = std::conditional_t<without_result, unit, std::tuple<detail::kept_t<A>...>>;

    explicit when_all_operation(A... operations) : all_{std::in_place, std::move(operations)...} {}

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        detail::rethrow_winner(all_);
        if constexpr (without_result) {
            return unit{};
        } else {
            return all_.branches().apply([](auto&... one) {
                return poll<result_type>{result_type(static_cast<detail::kept_t<A>&&>(*std::move(one.result))...)};
            });
        }
    }

private:
    detail::concurrent_operations<detail::pack_of_operations<A...>, detail::ends_with::first_error> all_;
};

/// The operation of `when_all` for a range of operations.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_all_of_range_operation {
    static constexpr bool without_result = std::is_void_v<await_result_t<A>>;

public:
    using result_type = std::conditional_t<without_result, unit, std::vector<detail::kept_object_t<detail::kept_t<A>>>>;

    template <class Range>
    explicit when_all_of_range_operation(std::in_place_t, Range&& operations)
        : all_{std::in_place, std::forward<Range>(operations)} {}

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        detail::rethrow_winner(all_);
        if constexpr (without_result) {
            return unit{};
        } else {
            result_type results;
            results.reserve(all_.branches().size());
            for (auto& one : all_.branches()) {
                results.push_back(static_cast<detail::kept_t<A>&&>(*std::move(one.result)));
            }
            return poll<result_type>{std::move(results)};
        }
    }

private:
    detail::concurrent_operations<detail::range_of_operations<A>, detail::ends_with::first_error> all_;
};

/// `co_await when_all(operations...)`: runs the operations concurrently and returns all results as a std::tuple.
///
///     auto [user, orders] = co_await weir::when_all(load_user(id), load_orders(id));
///
/// when_all(range of operations) returns a std::vector in the order of the operations. weir::unit stands for the result
/// of an operation that returns nothing. When no operation returns a result, when_all returns nothing. References are
/// references in a tuple and std::reference_wrapper in a vector.
///
/// Errors: the first failure, after all other operations were dropped.
/// Dropped: drops all operations.
/// Cost: no allocation; one for the vector of a range.
/// See: when_all_settled, when_any, task_group.
inline constexpr detail::concurrent_operations_fn<when_all_operation, when_all_of_range_operation> when_all{};

} // namespace weir
