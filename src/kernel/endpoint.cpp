// SPDX-License-Identifier: MIT
#include <weir/backend/endpoint.hpp>

#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weir {

static_assert(sizeof(sockaddr_in6) <= endpoint::capacity && sizeof(sockaddr_in) <= endpoint::capacity);

endpoint::endpoint(std::string_view address, std::uint16_t port) {
    const std::string text{address};
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(data(), &v4, sizeof v4);
        size_ = sizeof v4;
    } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(data(), &v6, sizeof v6);
        size_ = sizeof v6;
    } else {
        throw std::invalid_argument{"weir::endpoint: not a numeric IPv4 or IPv6 address: " + text};
    }
}

std::string endpoint::address() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (size_ == sizeof(sockaddr_in)) {
        sockaddr_in v4{};
        std::memcpy(&v4, data(), sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    } else if (size_ == sizeof(sockaddr_in6)) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, data(), sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    return text.data();
}

std::uint16_t endpoint::port() const noexcept {
    if (size_ < sizeof(sockaddr_in)) return 0;
    sockaddr_in v4{}; // the port has the same place in both
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
