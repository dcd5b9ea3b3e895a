// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// Where a Unix socket is: at a path, or under an abstract name, which is no file and is gone with its socket (Linux).
///
///     weir::unix_address{"/run/app.sock"}    weir::unix_address::abstract("app")
class unix_address {
public:
    static constexpr std::size_t max_length = 107; ///< bytes in a path or in a name

    /// Of a socket that has no name.
    unix_address() noexcept = default;

    /// @throws std::invalid_argument for a path that is empty, too long, or has a zero in it
    unix_address(std::string_view path);
    unix_address(const char* path) : unix_address{std::string_view{path}} {}
    unix_address(const std::string& path) : unix_address{std::string_view{path}} {}
    /// @throws std::invalid_argument for a name that is too long
    static unix_address abstract(std::string_view name);

    bool is_abstract() const noexcept { return name_size_ != 0 && storage_[name_at] == std::byte{}; }
    /// Of a file; empty for others.
    std::string path() const;
    /// `/run/app.sock`, `@app`, `(unnamed)`
    std::string to_string() const;

    /// The kernel's form (a `sockaddr`), and how much of it is in use.
    const void* data() const noexcept { return storage_.data(); }
    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(name_at + name_size_); }

    friend bool operator==(const unix_address& a, const unix_address& b) noexcept;

private:
    static constexpr std::size_t name_at = 2; // behind the address family

    void set_name(std::string_view name, std::size_t at) noexcept;
    std::string_view name() const noexcept {
        return {reinterpret_cast<const char*>(storage_.data()) + name_at, name_size_};
    }

    // A path with the zero behind it, or a zero with a name behind it.
    alignas(2) std::array<std::byte, name_at + max_length + 1> storage_{};
    std::uint8_t name_size_ = 0;
};

} // namespace weir
