// SPDX-License-Identifier: MIT
#include <weir/io/resolve.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include <weir/core/detail/arguments.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace {

/// Runs as many look-ups at a time as it has threads. Never destroyed, because a resolver that hangs would block the
/// program's exit.
thread_pool& resolvers() {
    static thread_pool& pool = *new thread_pool{4};
    return pool;
}

/// Returns addresses or an error of getaddrinfo. Blocks unless the flags require a numeric host.
int look_up(const std::string& host, std::uint16_t port, int flags, std::vector<endpoint>& found) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int r = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &list);
    if (r != 0) return r == EAI_SYSTEM && errno == EAGAIN ? EAI_AGAIN : r;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{list, &::freeaddrinfo};
    for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
        endpoint e;
        if (a->ai_addrlen > endpoint::capacity) continue;
        std::memcpy(e.data(), a->ai_addr, a->ai_addrlen);
        *e.resize(0) = static_cast<std::uint32_t>(a->ai_addrlen);
        if (std::ranges::find(found, e) == found.end()) found.push_back(e);
    }
    return found.empty() ? EAI_NONAME : 0;
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

task<std::vector<endpoint>> resolve(std::string host, std::uint16_t port) {
    detail::refuse_nul(host, "weir::resolve: the host");
    std::vector<endpoint> found;
    if (look_up(host, port, AI_NUMERICHOST, found) == 0) co_return found;
    struct answer {
        int code;
        std::vector<endpoint> found;
    };
    auto ask = [host, port] {
        answer a{};
        a.code = look_up(host, port, AI_ADDRCONFIG, a.found);
        return a;
    };
    answer a = co_await offload(resolvers(), std::move(ask));
    if (a.code != 0) throw resolve_error{host, a.code};
    co_return std::move(a.found);
}

task<tcp_stream> tcp_connect(std::vector<endpoint> addresses, connect_options options) {
    if (addresses.empty()) throw std::invalid_argument{"weir::tcp_connect(addresses): there are none"};
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
    const std::vector<endpoint> found = co_await resolve(std::move(host), port);
    co_return co_await tcp_connect(interleaved(found), options);
}

} // namespace weir
