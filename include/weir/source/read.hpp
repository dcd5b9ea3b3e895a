// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/detail/device.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/file.hpp>

namespace weir {

struct read_options {
    std::size_t block = 64 * 1024; ///< the maximum size of one read and the size of a memory block; sockets: 32 KiB
};

namespace detail {

/// Reads a device in blocks. It holds a block while it waits for input, because files and pipes deliver soon.
template <class Device>
class blocks {
public:
    explicit blocks(std::size_t size) noexcept : size_{size} {}

    /// Returns empty bytes at the end of the input.
    poll<bytes> poll_next(context& cx, Device& device) {
        // The rest of a block after a short read serves the next read, unless it is too small to be worth a call.
        if (!reads_.started()) filler_.make_room(size_, std::max<std::size_t>(size_ / 4, 1));
        const auto n = reads_.poll_next(cx, device, {filler_.room(), std::min(filler_.room_size(), size_)});
        if (n.is_pending()) return pending;
        if (*n != 0) return filler_.take(*n);
        filler_.reset();
        return bytes{};
    }

    std::size_t largest() const noexcept { return size_; }

private:
    std::size_t size_;
    byte_filler filler_;
    reads<Device> reads_; // last: cancelled before its memory is freed
};

/// Reads a socket. The backend provides the memory when data has arrived, so that a waiting connection holds none.
template <byte_device Device>
    requires(Device::read_kind == io_request::kind::receive)
class blocks<Device> {
public:
    explicit blocks(std::size_t size) noexcept
        : largest_{static_cast<std::uint32_t>(std::min<std::size_t>(size, large_receive))} {}

    poll<bytes> poll_next(context& cx, Device& device) {
        const auto n = operation_.run(
            cx,
            {.what = io_request::kind::receive_bytes, .fd = device.native_handle(), .data = &received_, .size = size_});
        if (n.is_pending()) return pending;
        if (*n < 0) throw_io_error(*n, "read", device.name());
        // A peer that sent this much at once may send more.
        size_ = std::min(static_cast<std::uint32_t>(*n) < small_receive ? small_receive : large_receive, largest_);
        return std::move(received_);
    }

    std::size_t largest() const noexcept { return largest_; }

private:
    std::uint32_t largest_;
    std::uint32_t size_ = std::min(small_receive, largest_);
    bytes received_;
    io_operation operation_; // last: cancelled before its memory is freed
};

} // namespace detail

/// The stream of a device's bytes.
template <class Holder>
class [[nodiscard("add a sink and co_await it")]] read_stream {
    using device_type = typename Holder::device_type;

public:
    using value_type = bytes;

    read_stream(Holder holder, read_options options)
        : holder_{std::move(holder)}, blocks_{std::max<std::size_t>(options.block, 1)} {}

    poll<bytes> poll_next(context& cx) {
        checker_.check();
        return checker_.checked([&]() -> poll<bytes> {
            device_type* device = holder_.poll_device(cx);
            if (device == nullptr) return pending;
            auto block = blocks_.poll_next(cx, *device);
            if (block.is_item() && block->empty()) return done;
            return block;
        });
    }

    void outline(stage_outline& out) const { out.holds({.bytes = blocks_.largest()}); }

private:
    Holder holder_;
    detail::poll_checker checker_;
    detail::blocks<device_type> blocks_; // last: cancelled before its device is closed
};

/// read(file), read(socket): the bytes of a file, pipe or socket, as they arrive. Accepts every byte_reader.
///
///     co_await (weir::read(socket) | weir::for_each(print));
///
/// One read is in flight at a time, and only when it was polled for. TCP therefore slows down a peer when the consumer
/// is slow.
///
/// Ends: at the end of the input.
/// Errors: std::system_error, such as `read 10.0.0.1:80: Connection reset by peer`.
/// Dropped: cancels the read. Bytes that the kernel has delivered by then are lost.
/// Cost: a steady state allocates nothing. Each item is a part of a shared block, without a copy. A waiting socket
/// holds no memory: sockets share blocks, which grow from 4 to 32 KiB for those that fill them.
/// Lifetime: owns an rvalue argument; borrows an lvalue, which must then outlive the stream and must not be moved.
/// See: lines, frames, write.
template <detail::input_device Device>
auto read(Device&& device, read_options options = {})
    requires(!std::is_lvalue_reference_v<Device>)
{
    using holder = detail::owned_device<Device>;
    return read_stream<holder>{holder{std::move(device)}, options};
}
template <detail::input_device Device>
auto read(Device& device, read_options options = {}) {
    using holder = detail::borrowed_device<Device>;
    return read_stream<holder>{holder{device}, options};
}

/// read(path): the contents of a file, which is opened at the first poll.
///
/// Errors: also those of opening, such as `open access.log: No such file or directory`.
inline auto read(std::string path, read_options options = {}) {
    using holder = detail::file_at_path;
    return read_stream<holder>{holder{std::move(path), open_mode::read}, options};
}

} // namespace weir
