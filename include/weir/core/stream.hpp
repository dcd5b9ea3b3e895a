// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>

namespace weir {

/// A source of items that are asked for one at a time.
///
/// One `poll_next` is one unit of demand. It answers with an item, with `done`, or with `pending` after storing
/// `cx.waker()`, which it wakes once when another poll is worthwhile. A failure leaves as an exception. After the end
/// or a failure it is not polled again. A stream may be moved until it is first polled, then it stays where it is.
/// Destroying it cancels everything below it before the destructor returns.
///
/// A callable, a coroutine or a destructor that runs inside a poll may drop the operation that is being polled, by
/// whatever owns that: a join_handle, a task group, a stop. The operation is then destroyed when it has left the stack.
/// Until then it polls and calls nothing more, except that a chain of functions without a state may go on to the end of
/// its budget. A stream must not be destroyed by value while it is polled, such as by resetting the optional that holds
/// it: nothing can put that off. Only a coroutine may do that to itself.
///
/// The owner of a stream destroys it when it has ended or failed, before anybody sees that: sinks do, so does an
/// operator that goes on without a stream or that ends before its upstream. So an operator that only passes items on
/// need not remember the end nor catch what its callable throws. A stream that a coroutine holds and asks with `next`,
/// and what an async_stream hides, is destroyed by that coroutine.
template <class S>
concept stream = requires(S& s, context& cx) {
    typename S::value_type;
    { s.poll_next(cx) } -> std::same_as<poll<typename S::value_type>>;
} && std::move_constructible<S>;

template <class S>
using item_t = typename S::value_type;

} // namespace weir
