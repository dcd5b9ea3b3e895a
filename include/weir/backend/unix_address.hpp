// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// The address of a Unix socket: a path, or an abstract name, which has no file and ends with its socket (Linux).
///
///     weir::unix_address{"/run/app.sock"}    weir::unix_address::abstract("app")
class unix_address {
public:
    static constexpr std::size_t max_length = 107; ///< the maximum length of a path or a name in bytes

    /// The address of an unnamed socket.
    unix_address() noexcept = default;

    /// @throws std::invalid_argument for a path that is empty, too long, or contains a NUL character
    unix_address(std::string_view path);
    unix_address(const char* path) : unix_address{std::string_view{path}} {}
    unix_address(const std::string& path) : unix_address{std::string_view{path}} {}
    /// @throws std::invalid_argument for a name that is too long
    static unix_address abstract(std::string_view name);

    bool is_abstract() const noexcept { return name_size_ != 0 && storage_[name_at] == std::byte{}; }
    /// The path; empty for other addresses.
    std::string path() const;
    /// `/run/app.sock`, `@app`, `(unnamed)`
    std::string to_string() const;

    /// The kernel's form (a `sockaddr`) and its size.
    const void* data() const noexcept { return storage_.data(); }
    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(name_at + name_size_); }

    friend bool operator==(const unix_address& a, const unix_address& b) noexcept;

private:
    static constexpr std::size_t name_at = 2; // behind the address family

    void set_name(std::string_view name, std::size_t at) noexcept;
    std::string_view name() const noexcept {
        return {reinterpret_cast<const char*>(storage_.data()) + name_at, name_size_};
    }

    // A path followed by a zero byte, or a zero byte followed by a name.
    alignas(2) std::array<std::byte, name_at + max_length + 1> storage_{};
    std::uint8_t name_size_ = 0;
};

} // namespace weir
