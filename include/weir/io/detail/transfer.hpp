// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/error.hpp>

namespace weir::detail {

/// A file or a socket: a type with a name for error messages, a descriptor, and requests to read and write.
template <class T>
concept byte_device = requires(const T& device, void* data, std::size_t size) {
    device.name();
    { device.native_handle() } -> std::convertible_to<int>;
    { T::read_kind } -> std::convertible_to<io_request::kind>;
    { T::write_kind } -> std::convertible_to<io_request::kind>;
};

/// The operation of `co_await device.read(buffer)`.
template <class Device>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] read_operation {
public:
    using result_type = std::size_t;

    read_operation(Device& device, byte_span to, std::int64_t offset) noexcept
        : device_{&device},
          operation_{{.what = Device::read_kind,
                      .fd = device.native_handle(),
                      .data = to.data(),
                      .size = to.size(),
                      .offset = offset}} {}

    poll<std::size_t> poll_result(context& cx) {
        const auto n = operation_.run(cx);
        if (n.is_pending()) return pending;
        if (*n < 0) throw_io_error(*n, "read", device_->name());
        return static_cast<std::size_t>(*n);
    }

private:
    Device* device_; // for its name in errors
    io_operation operation_;
};

/// Writes all data, in as many requests as needed.
class write_progress {
public:
    void start(byte_view what, std::int64_t offset = -1) noexcept {
        data_ = static_cast<const char*>(what.data());
        left_ = what.size();
        offset_ = offset;
    }
    bool finished() const noexcept { return left_ == 0; }

    /// Returns true when all data was written.
    template <class Device>
    bool poll(context& cx, const Device& device) {
        while (left_ != 0) {
            const auto n = operation_.run(cx, {.what = Device::write_kind,
                                               .fd = device.native_handle(),
                                               .data = const_cast<char*>(data_),
                                               .size = left_,
                                               .offset = offset_});
            if (n.is_pending()) return false;
            // A device that writes nothing without an error would be retried forever.
            if (*n <= 0) throw_io_error(*n < 0 ? *n : -EIO, "write", device.name());
            data_ += *n;
            left_ -= static_cast<std::size_t>(*n);
            if (offset_ >= 0) offset_ += *n;
        }
        return true;
    }

private:
    const char* data_ = nullptr;
    std::size_t left_ = 0;
    std::int64_t offset_ = -1;
    io_operation operation_;
};

/// The operation of `co_await device.write(data)`.
template <class Device>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] write_operation {
public:
    using result_type = unit;

    write_operation(Device& device, byte_view what, std::int64_t offset) noexcept : device_{&device} {
        progress_.start(what, offset);
    }

    poll<unit> poll_result(context& cx) {
        if (progress_.poll(cx, *device_)) return unit{};
        return pending;
    }

private:
    Device* device_;
    write_progress progress_;
};

/// The devices that `read` and `lines` accept, and those that `write` accepts.
template <class T>
concept input_device = byte_device<T> || byte_reader<T>;
template <class T>
concept output_device = byte_device<T> || byte_writer<T>;

/// Successive reads, each kept from poll to poll until it has its result. This form reads directly from the kernel.
template <input_device Device>
class reads {
public:
    bool started() const noexcept { return operation_.started(); }

    poll<std::size_t> poll_next(context& cx, Device& device, std::span<char> to) {
        const auto n = operation_.run(
            cx, {.what = Device::read_kind, .fd = device.native_handle(), .data = to.data(), .size = to.size()});
        if (n.is_pending()) return pending;
        if (*n < 0) throw_io_error(*n, "read", device.name());
        return static_cast<std::size_t>(*n);
    }

private:
    io_operation operation_;
};

template <byte_reader Reader>
    requires(!byte_device<Reader>)
class reads<Reader> {
public:
    bool started() const noexcept { return operation_.has_value(); }

    poll<std::size_t> poll_next(context& cx, Reader& reader, std::span<char> to) {
        if (!operation_) operation_.emplace(reader.read(byte_span{to}));
        const auto n = operation_->poll_result(cx);
        if (n.is_pending()) return pending;
        operation_.reset();
        WEIR_ASSERT(*n <= to.size(), "a byte_reader returned more bytes than fit into the buffer");
        return *n;
    }

private:
    std::optional<decltype(std::declval<Reader&>().read(std::declval<byte_span>()))> operation_;
};

/// Successive writes, each kept from poll to poll until it has its result.
template <output_device Device>
class writes : public write_progress {};

template <byte_writer Writer>
    requires(!byte_device<Writer>)
class writes<Writer> {
public:
    void start(byte_view what) noexcept { next_.emplace(what); }

    bool poll(context& cx, Writer& writer) {
        if (next_) {
            operation_.emplace(writer.write(*next_));
            next_.reset();
        }
        if (!operation_) return true;
        if (operation_->poll_result(cx).is_pending()) return false;
        operation_.reset();
        return true;
    }

private:
    std::optional<byte_view> next_;
    std::optional<decltype(std::declval<Writer&>().write(std::declval<byte_view>()))> operation_;
};

/// An operation with an immediate result, which needs only the executor.
template <class F>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] immediate_operation {
public:
    using result_type = std::invoke_result_t<F&, backend&>;

    explicit immediate_operation(F f) : f_(std::move(f)) {}

    poll<result_type> poll_result(context& cx) { return f_(cx.executor().io()); }

private:
    F f_;
};

} // namespace weir::detail
