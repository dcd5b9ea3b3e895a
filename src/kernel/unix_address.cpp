// SPDX-License-Identifier: MIT
#include <weir/backend/unix_address.hpp>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/un.h>

namespace weir {

namespace {

void must_fit(std::string_view name) {
    if (name.size() <= unix_address::max_length) return;
    throw std::invalid_argument{"weir::unix_address: longer than " + std::to_string(unix_address::max_length) +
                                " bytes: " + std::string{name}};
}

} // namespace

unix_address::unix_address(std::string_view path) {
    static_assert(sizeof(sockaddr_un) == sizeof storage_ && offsetof(sockaddr_un, sun_path) == name_at);
    if (path.empty()) throw std::invalid_argument{"weir::unix_address: the path is empty"};
    if (path.find('\0') != path.npos)
        throw std::invalid_argument{"weir::unix_address: the path contains a NUL character"};
    must_fit(path);
    set_name(path, 0);
}

unix_address unix_address::abstract(std::string_view name) {
    must_fit(name);
    unix_address result;
    result.set_name(name, 1);
    return result;
}

/// Stores a name at an offset. The size includes one NUL character, before or after the name.
void unix_address::set_name(std::string_view name, std::size_t at) noexcept {
    const sa_family_t family = AF_UNIX;
    std::memcpy(storage_.data(), &family, sizeof family);
    if (!name.empty()) std::memcpy(storage_.data() + name_at + at, name.data(), name.size());
    name_size_ = static_cast<std::uint8_t>(name.size() + 1);
}

std::string unix_address::path() const {
    return name_size_ == 0 || is_abstract() ? std::string{} : std::string{name().substr(0, name_size_ - 1u)};
}

std::string unix_address::to_string() const {
    if (name_size_ == 0) return "(unnamed)";
    if (!is_abstract()) return path();
    std::string text{name()};
    std::replace(text.begin(), text.end(), '\0', '@');
    return text;
}

bool operator==(const unix_address& a, const unix_address& b) noexcept { return a.name() == b.name(); }

} // namespace weir
