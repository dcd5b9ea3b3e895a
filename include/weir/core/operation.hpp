// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/context.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/poll.hpp>

namespace weir {

/// An operation with one result, which may take a while: what a sink is, what a task is, what `co_await` takes.
///
/// `poll_result` answers with the result (once) or with `pending`, under the same rules as `poll_next`.
template <class A>
concept awaitable = requires(A& a, context& cx) {
    typename A::result_type;
    { a.poll_result(cx) } -> std::same_as<poll<typename A::result_type>>;
} && std::move_constructible<A>;

/// What awaiting gives: the result; nothing where it is `unit`, and a reference where it was one.
template <class A>
using await_result_t = typename detail::from_result<typename A::result_type>::type;

} // namespace weir
