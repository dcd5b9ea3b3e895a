// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>

#include <weir/core/operation.hpp>
#include <weir/io/byte_view.hpp>

namespace weir {

namespace detail {

/// An operation whose result is R.
template <class A, class R>
concept operation_of = operation<A> && std::same_as<typename A::result_type, R>;

} // namespace detail

/// A source of bytes. `co_await r.read(buffer)` returns the number of bytes read (std::size_t): at least one, and 0 at
/// the end. `r.name()` is its name in error messages.
template <class R>
concept byte_reader = requires(R& r, byte_span to) {
    { r.read(to) } -> detail::operation_of<std::size_t>;
    { r.name() } -> std::convertible_to<std::string>;
};

/// A destination of bytes: `co_await w.write(data)` writes all of the data.
template <class W>
concept byte_writer = requires(W& w, byte_view what) {
    { w.write(what) } -> detail::operation_of<unit>;
    { w.name() } -> std::convertible_to<std::string>;
};

/// Both directions. After `co_await s.shutdown_write()` the peer reads the written data and then the end. Connections,
/// pipes and layers around them, such as encryption, satisfy it; `read`, `write` and `lines` accept any such type.
///
///     template <weir::byte_stream Inner>
///     class encrypted {
///     public:
///         weir::task<std::size_t> read(weir::byte_span to);
///         weir::task<> write(weir::byte_view what);
///         weir::task<> shutdown_write();
///         std::string name() const { return inner_.name(); }
///         ...
///     };
///     static_assert(weir::byte_stream<encrypted<weir::tcp_stream>>);
///
/// One read and one write may be in flight at a time. Dropping the operation cancels it. A dropped read of a
/// connection, a pipe, a terminal or a file loses no bytes: the next read gets those that were taken from the kernel,
/// and an end or an error that the kernel reports once is reported again. That holds
///
/// - for the object while it is open, on any executor, and for an object that borrows its descriptor. It does not hold
///   for other readers: another process that was sent or has inherited the descriptor, a duplicate of it, or read(2) on
///   `native_handle()`. (A file's position is restored for all of them.)
/// - for bytes that no code has seen. A coroutine that is dropped between a read and the use of the bytes has lost
///   them, and so has a layer whose `read` is a coroutine with bytes in its frame; such a layer must keep them in its
///   object. `read(s)`, the stream, keeps its operation from poll to poll.
///
/// A dropped write may have written any part of its data.
template <class S>
concept byte_stream = byte_reader<S> && byte_writer<S> && requires(S& s) {
    { s.shutdown_write() } -> detail::operation_of<unit>;
};

} // namespace weir
