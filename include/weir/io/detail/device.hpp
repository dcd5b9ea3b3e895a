// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/io/file.hpp>

namespace weir::detail {

/// A device that a stream owns.
template <class Device>
class owned_device {
public:
    using device_type = Device;

    explicit owned_device(Device device) : device_(std::move(device)) {}
    Device* poll_device(context&) noexcept { return &device_; }

private:
    Device device_;
};

/// A device that a stream borrows.
template <class Device>
class borrowed_device {
public:
    using device_type = Device;

    explicit borrowed_device(Device& device) noexcept : device_{&device} {}
    Device* poll_device(context&) noexcept { return device_; }

private:
    Device* device_;
};

/// A file that is opened at the first poll.
class file_at_path {
public:
    using device_type = file;

    file_at_path(std::string path, open_mode mode) : open_{std::move(path), mode, 0666} {}

    /// The file; null while it is being opened.
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

} // namespace weir::detail
