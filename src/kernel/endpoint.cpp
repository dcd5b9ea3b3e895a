// SPDX-License-Identifier: MIT
#include <weir/backend/endpoint.hpp>

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weir {

static_assert(sizeof(sockaddr_in6) <= endpoint::capacity && sizeof(sockaddr_in) <= endpoint::capacity);

namespace {

/// Returns the number of an interface that is given by its name or by its number.
std::uint32_t zone_number(const std::string& zone, const std::string& address) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
    if (error == std::errc{} && end == zone.data() + zone.size() && number != 0) return number;
    number = ::if_nametoindex(zone.c_str());
    if (number == 0) throw std::invalid_argument{"weir::endpoint: no such interface: " + address};
    return number;
}

std::string zone_name(std::uint32_t number) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(number, name.data()) != nullptr ? name.data() : std::to_string(number);
}

} // namespace

endpoint::endpoint(std::string_view address, std::uint16_t port) {
    const std::string text{address};
    const std::size_t percent = text.find('%');
    const std::string number = text.substr(0, percent);
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool one_text = text.find('\0') == text.npos; // inet_pton reads to the first NUL character
    if (one_text && ::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(data(), &v4, sizeof v4);
        size_ = sizeof v4;
    } else if (one_text && ::inet_pton(AF_INET6, number.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        if (percent != text.npos) v6.sin6_scope_id = zone_number(text.substr(percent + 1), text);
        std::memcpy(data(), &v6, sizeof v6);
        size_ = sizeof v6;
    } else {
        throw std::invalid_argument{"weir::endpoint: not a numeric IPv4 or IPv6 address: " + text};
    }
}

std::string endpoint::address() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    std::string zone;
    if (size_ == sizeof(sockaddr_in)) {
        sockaddr_in v4{};
        std::memcpy(&v4, data(), sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    } else if (size_ == sizeof(sockaddr_in6)) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, data(), sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        if (v6.sin6_scope_id != 0) zone = '%' + zone_name(v6.sin6_scope_id);
    }
    return text.data() + zone;
}

std::uint16_t endpoint::port() const noexcept {
    if (size_ < sizeof(sockaddr_in)) return 0;
    sockaddr_in v4{}; // the port is at the same place in sockaddr_in6
    std::memcpy(&v4, data(), sizeof v4);
    return ntohs(v4.sin_port);
}

std::string endpoint::to_string() const {
    if (size_ < sizeof(sockaddr_in)) return "(no address)";
    std::string result = size_ == sizeof(sockaddr_in6) ? '[' + address() + ']' : address();
    return result += ':' + std::to_string(port());
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
    return a.size_ == b.size_ && std::memcmp(a.data(), b.data(), a.size_) == 0;
}

} // namespace weir
