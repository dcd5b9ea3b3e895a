// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// A source of items that a consumer polls for, one at a time.
///
/// One call of `poll_next` is one unit of demand. It returns an item, `done`, or `pending`. Before it returns `pending`
/// it stores `cx.waker()`, and it wakes that waker once when another poll is worthwhile. It reports a failure by
/// throwing. A stream must not be polled again after its end or a failure. It may be moved before its first poll, but
/// not after. Destroying a stream cancels everything below it before the destructor returns.
///
/// A callable, coroutine or destructor that runs inside a poll may drop the operation that is being polled, through a
/// join_handle, a task group or a stop. The operation is then destroyed when it has left the stack. Until then it polls
/// and calls nothing more, except that a chain of stateless functions may continue to the end of its budget. A stream
/// must not be destroyed by value during its poll, as by resetting the optional that holds it, because that cannot be
/// deferred. Only a coroutine may do that to itself.
///
/// The owner of a stream destroys it as soon as it has ended or failed, before the consumer sees that. Sinks are such
/// owners, and operators that continue without a stream or that end before their upstream. An operator that only passes
/// items on therefore needs neither remember the end nor catch the exceptions of its callable. A coroutine destroys the
/// streams that it polls with `next`; an async_stream's coroutine destroys the stream that it wraps.
template <class S>
concept stream = requires(S& s, context& cx) {
    typename S::value_type;
    { s.poll_next(cx) } -> std::same_as<poll<typename S::value_type>>;
} && std::move_constructible<S>;

template <class S>
using item_t = typename S::value_type;

} // namespace weir
