// SPDX-License-Identifier: MIT
#pragma once

namespace support {

/// Counts the objects that live in `live`.
class counted {
public:
    explicit counted(int& live) noexcept : live_{live} { ++live_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --live_; }

private:
    int& live_;
};

} // namespace support
