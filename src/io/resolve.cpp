// SPDX-License-Identifier: MIT
#include <weir/io/resolve.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <weir/core/detail/arguments.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/scope/with_timeout.hpp>

#include "io/name_lookups.hpp"

namespace weir {

namespace {

/// Sets the port of the addresses. It stands at the same place for IPv4 and IPv6.
std::vector<endpoint> with_port(std::vector<endpoint> addresses, std::uint16_t port) {
    const std::uint16_t number = htons(port);
    for (endpoint& e : addresses) {
        std::memcpy(static_cast<std::byte*>(e.data()) + offsetof(sockaddr_in, sin_port), &number, sizeof number);
    }
    return addresses;
}

bool is_ipv6(const endpoint& e) { return e.size() > sizeof(sockaddr_storage::ss_family) + 14; }

/// Orders the addresses by alternating families, starting with that of the first address.
std::vector<endpoint> interleaved(const std::vector<endpoint>& found) {
    std::vector<endpoint> first;
    std::vector<endpoint> second;
    for (const endpoint& e : found) (is_ipv6(e) == is_ipv6(found.front()) ? first : second).push_back(e);
    std::vector<endpoint> result;
    for (std::size_t i = 0; result.size() != found.size(); ++i) {
        if (i < first.size()) result.push_back(first[i]);
        if (i < second.size()) result.push_back(second[i]);
    }
    return result;
}

} // namespace

resolve_error::resolve_error(const std::string& host, int code)
    : std::runtime_error{"resolve " + host + ": " + ::gai_strerror(code)}, code_{code} {}

bool resolve_error::temporary() const noexcept { return code_ == EAI_AGAIN; }

task<std::vector<endpoint>> resolve(std::string host, std::uint16_t port, resolve_options options) {
    detail::refuse_nul(host, "weir::resolve: the host");
    if (options.timeout <= duration::zero()) {
        throw std::invalid_argument{"weir::resolve(host, port, options): timeout must be more than 0"};
    }
    detail::found_addresses found = detail::look_up(host, AI_NUMERICHOST);
    if (found.code != 0 && found.code != EAI_MEMORY) {
        detail::lookup_operation lookup{host, options.timeout};
        found = co_await lookup;
    }
    if (found.code == EAI_MEMORY) throw std::bad_alloc{};
    if (found.code != 0) throw resolve_error{host, found.code};
    co_return with_port(std::move(found.addresses), port);
}

task<tcp_stream> tcp_connect(std::vector<endpoint> addresses, connect_options options) {
    if (addresses.empty()) throw std::invalid_argument{"weir::tcp_connect(addresses): addresses is empty"};
    if (options.attempt_delay < duration::zero() || options.address_timeout <= duration::zero()) {
        throw std::invalid_argument{
            "weir::tcp_connect(host, port): attempt_delay must not be negative, address_timeout must be more than 0"};
    }
    auto next = [&, i = std::size_t{0}]() mutable {
        return with_timeout(options.address_timeout, tcp_connect(addresses[i++], options.socket));
    };
    hedge_options attempts{.max = addresses.size()};
    co_return co_await hedge(std::move(next), options.attempt_delay, std::move(attempts));
}

task<tcp_stream> tcp_connect(std::string host, std::uint16_t port, connect_options options) {
    const std::vector<endpoint> found = co_await resolve(std::move(host), port, options.resolve);
    co_return co_await tcp_connect(interleaved(found), options);
}

} // namespace weir
