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

/// What bytes are read from: `co_await r.read(buffer)` gives how many there were (std::size_t), at most as many as fit,
/// at least one, and 0 at the end; `r.name()` is what errors call it.
template <class R>
concept byte_reader = requires(R& r, byte_span to) {
    { r.read(to) } -> detail::operation_of<std::size_t>;
    { r.name() } -> std::convertible_to<std::string>;
};

/// What bytes are written to: `co_await w.write(data)` writes all of it.
template <class W>
concept byte_writer = requires(W& w, byte_view what) {
    { w.write(what) } -> detail::operation_of<unit>;
    { w.name() } -> std::convertible_to<std::string>;
};

/// Both, with an end to what is written: after `co_await s.shutdown_write()` the peer reads what was written, and then
/// the end. Connections, pipes, and whatever is wrapped around one, such as encryption: anything with these four
/// functions can be given to `read`, `write` and `lines`.
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
/// One read and one write at a time are in flight. Dropping the operation cancels it. A read of a connection, a pipe, a
/// terminal or a file loses nothing by that, whenever it happens: what it had taken from the kernel is what the next
/// read gets, and an error or an end that the kernel tells once is told again. That holds
///
/// - for the object as long as it is open, on whichever executor it is read next, and for who borrows its descriptor
///   anew. Not for others that read the same thing: another process, which was sent the descriptor or has inherited it,
///   who has duplicated it, or calls read(2) on `native_handle()`. (A file is set back to where it was read, for all of
///   them.)
/// - for what nobody has seen. A coroutine that has read something, and is dropped before it has used it, has lost it;
///   and so has a layer whose `read` is a coroutine with bytes in its frame: let it keep them in its object. `read(s)`,
///   the stream, keeps its operation from poll to poll, whatever that is.
///
/// A write that is dropped may have written any part of what it was given.
template <class S>
concept byte_stream = byte_reader<S> && byte_writer<S> && requires(S& s) {
    { s.shutdown_write() } -> detail::operation_of<unit>;
};

} // namespace weir
