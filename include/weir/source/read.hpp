#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/stream.hpp>
#include <weir/executor/backend.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/error.hpp>
#include <weir/io/file.hpp>
#include <weir/io/transfer.hpp>

namespace weir {

struct read_options {
    std::size_t block = 64 * 1024; ///< what one read asks for, and one piece of memory holds
};

namespace detail {

/// A device that a stream was given for good.
template <class Device>
class owned_device {
public:
    using device_type = Device;

    explicit owned_device(Device device) : device_{std::move(device)} {}
    Device* poll_device(context&) noexcept { return &device_; }

private:
    Device device_;
};

/// A device that its owner keeps where it is.
template <class Device>
class borrowed_device {
public:
    using device_type = Device;

    explicit borrowed_device(Device& device) noexcept : device_{&device} {}
    Device* poll_device(context&) noexcept { return device_; }

private:
    Device* device_;
};

/// A file that is opened when it is needed.
class file_at_path {
public:
    using device_type = file;

    file_at_path(std::string path, open_mode mode) : open_{std::move(path), mode, 0666} {}

    /// Null while it is being opened.
    file* poll_device(context& cx) {
        if (!file_.is_open()) {
            auto opened = open_.poll_result(cx);
            if (opened.is_pending()) return nullptr;
            file_ = *std::move(opened);
        }
        return &file_;
    }

private:
    file file_;
    open_operation open_;
};

} // namespace detail

/// What a device holds, block by block.
template <class Holder>
class read_stream {
    using device_type = typename Holder::device_type;

public:
    using value_type = bytes;

    read_stream(Holder holder, read_options options)
        : holder_{std::move(holder)}, block_{std::max<std::size_t>(options.block, 1)} {}

    poll<bytes> poll_next(context& cx) {
        pin_.check();
        return pin_.watch([&]() -> poll<bytes> {
            device_type* device = holder_.poll_device(cx);
            if (device == nullptr) return pending;
            // What is left of a block after a short read serves the next, unless it has become too little to be worth a
            // call.
            if (!reads_.started()) filler_.make_room(block_, std::max<std::size_t>(block_ / 4, 1));
            const auto n = reads_.poll_next(cx, *device, {filler_.room(), std::min(filler_.room_size(), block_)});
            if (n.is_pending()) return pending;
            if (*n != 0) return filler_.take(*n);
            filler_.reset();
            return done;
        });
    }

private:
    Holder holder_;
    std::size_t block_;
    detail::byte_filler filler_;
    detail::pin pin_;
    detail::reads<device_type> reads_; // last: cancelled before its memory and its device go
};

/// read(file), read(socket): what comes from it, as it comes, until its end.
///
///     co_await (weir::read(socket) | weir::for_each(print));
///
/// One read is in flight, only when it was asked for; each asks for `block` bytes, and gives a piece of a block that is
/// shared, not copied. Fails with std::system_error, `read 10.0.0.1:80: Connection reset by peer`. A steady state
/// allocates nothing. Takes any byte_reader.
///
/// Lifetime: owns what it is given as an rvalue; borrows an lvalue, which then stays where it is.
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

/// read(path): what a file holds. It is opened at the first poll; `open access.log: No such file or directory`.
inline auto read(std::string path, read_options options = {}) {
    using holder = detail::file_at_path;
    return read_stream<holder>{holder{std::move(path), open_mode::read}, options};
}

} // namespace weir
