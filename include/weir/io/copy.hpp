// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/detail/transfer.hpp>

namespace weir {

struct copy_options {
    std::size_t block = 64 * 1024; ///< the maximum size of one read, and the size of the buffer
};

namespace detail {

/// Whether the kernel may be able to copy from one to the other directly.
template <class From, class To>
concept file_to_socket = requires {
    requires From::read_kind == io_request::kind::read;
    requires To::write_kind == io_request::kind::send;
};

/// Reads and writes alternately.
template <class From, class To>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] copy_operation {
public:
    using result_type = std::uint64_t;

    copy_operation(From from, To to, copy_options options)
        : from_(std::move(from)), to_(std::move(to)), block_{std::max<std::size_t>(options.block, 1)} {}

    poll<std::uint64_t> poll_result(context& outer) {
        nested_context cx{outer};
        reader& from = *from_.poll_device(cx);
        writer& to = *to_.poll_device(cx);
        for (;;) {
            if (!writes_.poll(cx, to)) return pending;
            total_ += std::exchange(writing_, 0);
            if (ended_) return total_;
            if (!cx.spend()) return cx.yield();
            if (send_directly(cx, from, to)) continue;
            if (!memory_) memory_ = std::make_unique_for_overwrite<char[]>(block_);
            const auto n = reads_.poll_next(cx, from, {memory_.get(), block_});
            if (n.is_pending()) return pending;
            ended_ = *n == 0;
            writing_ = *n;
            if (writing_ != 0) writes_.start(std::string_view{memory_.get(), *n});
        }
    }

private:
    using reader = typename From::device_type;
    using writer = typename To::device_type;

    // One turn may move a thousand blocks.
    static constexpr std::size_t most_at_once = 256 * 1024;

    /// Returns false when the next block must be read and written, so that the write waits for room.
    bool send_directly(context& cx, reader& from, writer& to) {
        if constexpr (file_to_socket<reader, writer>) {
            if (!directly_ || reads_.started()) return false;
            const int n =
                cx.executor().io().sockets().send_file(to.native_handle(), from.native_handle(), most_at_once);
            if (n >= 0) {
                total_ += static_cast<std::size_t>(n);
                ended_ = n == 0;
                return true;
            }
            // The read or the write then reports the error.
            directly_ = n == -EAGAIN || n == -EINTR;
        }
        return false;
    }

    From from_;
    To to_;
    std::size_t block_;
    std::unique_ptr<char[]> memory_;
    std::uint64_t total_ = 0;
    std::size_t writing_ = 0;
    bool ended_ = false;
    bool directly_ = true;
    writes<writer> writes_; // last: cancelled before their memory is freed and their devices closed
    reads<reader> reads_;
};

/// A device as an operation stores it.
template <class Device>
auto holder_of(Device&& device) {
    if constexpr (std::is_lvalue_reference_v<Device>) {
        return borrowed_device<std::remove_reference_t<Device>>{device};
    } else {
        return owned_device<Device>{std::move(device)};
    }
}

} // namespace detail

/// `co_await copy(from, to)`: copies from a reader to a writer until the reader's end. The result is the number of
/// bytes (std::uint64_t).
///
///     weir::task<> send_page(weir::tcp_stream client, std::string path) {
///         weir::file page = co_await weir::open(path);
///         co_await weir::copy(page, client);
///         co_await client.shutdown_write();   // copy does not shut down: more may follow
///     }
///
///     weir::task<> forward(weir::tcp_stream& from, weir::tcp_stream& to) {
///         co_await weir::copy(from, to);
///         co_await to.shutdown_write();       // without it the other direction of a proxy would not end
///     }
///     co_await weir::when_all(forward(client, server), forward(server, client));   // a proxy
///
/// A block is read when the previous one was written. On the epoll backend sendfile(2) is used from a file to a socket,
/// where it is cheaper.
///
/// Errors: std::system_error, as of read and write. The bytes that were read before an error have been written.
/// Dropped: loses the block that was being written.
/// Cost: one buffer.
/// Lifetime: owns rvalue arguments; borrows lvalues, which must then outlive the operation and must not be moved.
/// See: read, write, limited_stream (ends an idle proxy).
template <class From, class To>
    requires detail::input_device<std::remove_cvref_t<From>> && detail::output_device<std::remove_cvref_t<To>>
auto copy(From&& from, To&& to, copy_options options = {}) {
    auto reader = detail::holder_of(std::forward<From>(from));
    auto writer = detail::holder_of(std::forward<To>(to));
    return detail::copy_operation<decltype(reader), decltype(writer)>{std::move(reader), std::move(writer), options};
}

} // namespace weir
