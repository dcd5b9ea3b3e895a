// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace weir {

/// An IPv4 or IPv6 address with a port.
///
///     weir::endpoint{"127.0.0.1", 8080}    weir::endpoint{"::", 0}
class endpoint {
public:
    endpoint() noexcept = default;

    /// @param address  numeric, IPv4 or IPv6 (no names: those take a resolver). An IPv6 address may name its zone, by
    ///                 the name or the number of an interface: `fe80::1%eth0`
    /// @param port     0 lets the kernel choose when listening
    /// @throws std::invalid_argument with the invalid address
    endpoint(std::string_view address, std::uint16_t port);

    std::string address() const;
    std::uint16_t port() const noexcept;
    /// `127.0.0.1:8080`, `[::1]:8080`
    std::string to_string() const;

    /// The kernel's form (a `sockaddr`) and its size.
    void* data() noexcept { return storage_.data(); }
    const void* data() const noexcept { return storage_.data(); }
    std::uint32_t size() const noexcept { return size_; }
    /// For calls that fill it in: the capacity before the call, the size after it.
    std::uint32_t* resize(std::uint32_t size) noexcept {
        size_ = size;
        return &size_;
    }
    static constexpr std::uint32_t capacity = 28;

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept;

    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const endpoint& e) {
        return out << e.to_string();
    }

private:
    alignas(4) std::array<std::byte, capacity> storage_{};
    std::uint32_t size_ = 0;
};

} // namespace weir
