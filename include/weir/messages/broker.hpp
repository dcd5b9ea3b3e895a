// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <vector>

#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/messages/record.hpp>

namespace weir::messages {

namespace detail {

template <class A, class Result>
concept operation_with = operation<A> && std::same_as<typename A::result_type, Result>;

} // namespace detail

/// A member of a group of consumers, as a connector to a broker implements it. A consumer calls it; programs do not.
///
/// - `next_change()` waits for the next change of what the member has. The first call joins the group. One call is in
///   flight at a time.
/// - `fetch(a, n)` waits for records of a partition: up to n, in order, from behind the last one that it returned for
///   this assignment. The first call for an assignment starts at the first record that is not committed. It may return
///   no record, and is called again. It may be dropped: then a later call returns what was not returned.
/// - `commit(a, positions)` makes it known that records have been dealt with: the oldest ones that were not committed,
///   in order. It returns false when the assignment is over, and then has no effect. It may be executed twice.
/// - `release(a)` gives a partition back. It has no effect when the assignment is over.
/// - `leave()` leaves the group. No other function is called afterwards.
/// - `inspect(a)` returns what is known about a partition, for the metrics.
///
/// Calls for different partitions may be in flight at the same time. Operations that fail are tried again, as the
/// options of the consumer say. Each operation refers to its arguments until it ends. A member that is destroyed is
/// gone without a word, as after a crash.
///
/// `check_conformance` tests the rest of the contract.
template <class B>
concept broker = requires(B& b, const assignment& a, std::size_t n, const std::vector<position>& done) {
    { b.next_change() } -> detail::operation_with<group_change>;
    { b.fetch(a, n) } -> detail::operation_with<std::vector<record>>;
    { b.commit(a, done) } -> detail::operation_with<bool>;
    { b.release(a) } -> detail::operation_with<unit>;
    { b.leave() } -> detail::operation_with<unit>;
    { b.inspect(a) } -> detail::operation_with<partition_status>;
};

} // namespace weir::messages
