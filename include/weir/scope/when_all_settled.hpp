// SPDX-License-Identifier: MIT
#pragma once

#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/scope/detail/concurrent_operations.hpp>
#include <weir/scope/outcome.hpp>

namespace weir {

namespace detail {

template <class Branch>
auto outcome_of(Branch& one) {
    using result = outcome<typename from_result<typename Branch::result_type>::type>;
    return one.error != nullptr ? result::failed(std::move(one.error)) : result(*std::move(one.result));
}

} // namespace detail

/// The operation of `when_all_settled` for operations of any types.
template <operation... A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_all_settled_operation {
public:
    using result_type = std::tuple<outcome<await_result_t<A>>...>;

    explicit when_all_settled_operation(A... operations) : all_{std::in_place, std::move(operations)...} {}

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        return all_.branches().apply(
            [](auto&... one) { return poll<result_type>{result_type(detail::outcome_of(one)...)}; });
    }

private:
    detail::concurrent_operations<detail::pack_of_operations<A...>, detail::ends_with::all> all_;
};

/// The operation of `when_all_settled` for a range of operations.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] when_all_settled_of_range_operation {
public:
    using result_type = std::vector<outcome<await_result_t<A>>>;

    template <class Range>
    explicit when_all_settled_of_range_operation(std::in_place_t, Range&& operations)
        : all_{std::in_place, std::forward<Range>(operations)} {}

    poll<result_type> poll_result(context& cx) {
        if (all_.poll_all(cx).is_pending()) return pending;
        result_type results;
        results.reserve(all_.branches().size());
        for (auto& one : all_.branches()) results.push_back(detail::outcome_of(one));
        return poll<result_type>{std::move(results)};
    }

private:
    detail::concurrent_operations<detail::range_of_operations<A>, detail::ends_with::all> all_;
};

/// `co_await when_all_settled(operations...)`: runs the operations concurrently, each to its end, and returns a
/// std::tuple with the `outcome` of each; for a range of operations, a std::vector.
///
/// Errors: none; the outcomes hold them.
/// See: when_all, outcome.
///
///     for (auto& reply : co_await weir::when_all_settled(std::move(requests)))
///         if (!reply) log(reply.error());
inline constexpr detail::concurrent_operations_fn<when_all_settled_operation, when_all_settled_of_range_operation>
    when_all_settled{};

} // namespace weir
