#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// An IPv4 or IPv6 address with a port.
///
///     weir::endpoint{"127.0.0.1", 8080}    weir::endpoint{"::", 0}
class endpoint {
public:
    endpoint() noexcept = default;

    /// @param address  numeric, IPv4 or IPv6 (no names: those take a resolver)
    /// @param port     0 lets the kernel choose when listening
    /// @throws std::invalid_argument naming an address that is none
    endpoint(std::string_view address, std::uint16_t port);

    std::string address() const;
    std::uint16_t port() const noexcept;
    /// `127.0.0.1:8080`, `[::1]:8080`
    std::string to_string() const;

    /// The kernel's form (a `sockaddr`).
    void* data() noexcept { return storage_.data(); }
    const void* data() const noexcept { return storage_.data(); }
    std::size_t size() const noexcept { return size_; }
    void resize(std::size_t size) noexcept { size_ = size; }
    static constexpr std::size_t capacity = 128;

private:
    alignas(8) std::array<std::byte, capacity> storage_{};
    std::size_t size_ = 0;
};

} // namespace weir
