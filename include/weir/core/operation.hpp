// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/context.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/poll.hpp>

namespace weir {

/// An object with one result, which may not be ready yet. Tasks, sinks and I/O requests are operations; `co_await`
/// takes one.
///
/// `poll_result` returns the result (once) or `pending`, under the same rules as `poll_next`.
template <class A>
concept operation = requires(A& a, context& cx) {
    typename A::result_type;
    { a.poll_result(cx) } -> std::same_as<poll<typename A::result_type>>;
} && std::move_constructible<A>;

/// The type of `co_await operation`: the result, `void` in place of `unit`, and a reference where the result is one.
template <class A>
using await_result_t = typename detail::from_result<typename A::result_type>::type;

} // namespace weir
