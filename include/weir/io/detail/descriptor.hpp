// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include <weir/backend/backend.hpp>

namespace weir::detail {

/// A descriptor and its closer; a borrowed descriptor has none.
class descriptor {
public:
    descriptor() noexcept = default;
    /// Borrows a descriptor, which its owner closes later.
    explicit descriptor(int fd) noexcept;
    /// Owns a new descriptor.
    descriptor(int fd, std::shared_ptr<descriptor_closer> closer) noexcept : fd_{fd}, closer_{std::move(closer)} {
        if (closer_ != nullptr) closer_->opened(fd);
    }

    descriptor(descriptor&& other) noexcept
        : fd_{std::exchange(other.fd_, -1)}, closer_{std::exchange(other.closer_, nullptr)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        if (this == &other) return *this;
        close();
        fd_ = std::exchange(other.fd_, -1);
        closer_ = std::exchange(other.closer_, nullptr);
        return *this;
    }
    ~descriptor() { close(); }

    int get() const noexcept { return fd_; }
    bool owned() const noexcept { return closer_ != nullptr; }

    /// Returns the descriptor, which this object no longer owns.
    int release() noexcept {
        closer_ = nullptr;
        return std::exchange(fd_, -1);
    }

    void close() noexcept {
        if (const auto closer = std::exchange(closer_, nullptr)) closer->close(fd_);
        fd_ = -1;
    }

private:
    int fd_ = -1;
    std::shared_ptr<descriptor_closer> closer_;
};

} // namespace weir::detail
