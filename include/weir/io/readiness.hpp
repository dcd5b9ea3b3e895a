// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/io_operation.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>

namespace weir {

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] readiness_operation {
public:
    using result_type = unit;

    readiness_operation(io_request::kind what, int fd) noexcept : operation_{io_request{.what = what, .fd = fd}} {}

    poll<unit> poll_result(context& cx) {
        const auto r = operation_.run(cx);
        if (r.is_pending()) return pending;
        if (*r < 0) fail(*r);
        return unit{};
    }

private:
    [[noreturn]] void fail(int result) const;

    io_operation operation_;
};

} // namespace detail

/// `co_await readable(fd)`: waits until a read of the descriptor would not block: there are bytes, a connection to
/// accept, the end, or an error. It reads nothing, and works with descriptors that another library owns.
///
///     while (PQconsumeInput(connection) && PQisBusy(connection)) co_await weir::readable(PQsocket(connection));
///
/// Errors: std::system_error, such as `readable: descriptor 7: Bad file descriptor`.
/// Dropped: at once. The descriptor must not be closed while the operation waits: drop the operation first.
/// Cost: no allocation; over epoll one system call for each wait that is not over at once.
/// See: writable.
inline detail::readiness_operation readable(int fd) noexcept { return {io_request::kind::readable, fd}; }

/// `co_await writable(fd)`: waits until a write to the descriptor would not block, or would fail. A connect in
/// non-blocking mode has finished then.
///
/// Errors, Dropped, Cost: as readable.
/// See: readable.
inline detail::readiness_operation writable(int fd) noexcept { return {io_request::kind::writable, fd}; }

} // namespace weir
