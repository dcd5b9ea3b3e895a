// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include <weir/backend/endpoint.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/udp.hpp>

namespace weir {

/// A datagram, and who sent it.
struct datagram {
    bytes data;
    std::size_t sent; ///< bytes that the sender sent
    endpoint from;

    /// It was longer than the limit, and the rest is lost.
    bool truncated() const noexcept { return sent > data.size(); }
};

struct datagrams_options {
    std::size_t limit = 65'536; ///< bytes of a datagram, > 0; the default is more than any has
};

/// The datagrams that come to a socket.
class [[nodiscard("add a sink and co_await it")]] datagrams_stream {
public:
    using value_type = datagram;

    datagrams_stream(udp_socket socket, datagrams_options options) : datagrams_stream{options} {
        owned_.emplace(std::move(socket));
    }
    datagrams_stream(udp_socket* socket, datagrams_options options) : datagrams_stream{options} { borrowed_ = socket; }

    poll<datagram> poll_next(context& cx) {
        checker_.check();
        return checker_.checked([&]() -> poll<datagram> {
            if (!receive_.started()) filler_.make_room(std::max(block, limit_), limit_);
            auto got = receive_.poll_result(cx, borrowed_ != nullptr ? *borrowed_ : *owned_,
                                            std::span<char>{filler_.room(), limit_});
            if (got.is_pending()) return pending;
            return datagram{filler_.take(got->size), got->sent, got->from};
        });
    }

private:
    static constexpr std::size_t block = 64 * 1024;

    explicit datagrams_stream(datagrams_options options) : limit_{options.limit} {
        if (limit_ == 0) throw std::invalid_argument{"weir::datagrams: limit is 0"};
    }

    std::optional<udp_socket> owned_;
    udp_socket* borrowed_ = nullptr;
    std::size_t limit_;
    detail::byte_filler filler_;
    detail::poll_checker checker_;
    detail::receive_from_step receive_; // last: cancelled before its memory and its descriptor go
};

/// datagrams(socket): the datagrams that come to a UDP socket, each with its sender; it does not end.
///
///     auto socket = co_await weir::udp_bind({"0.0.0.0", 514});
///     co_await (weir::datagrams(socket) | weir::for_each([](const weir::datagram& d) { print(d.from, d.data); }));
///
/// One is received when it is asked for; until then they wait in the socket's receive buffer, and are lost when that is
/// full. One that is longer than the limit says so. With a small limit, datagrams that are kept share memory. Fails
/// with std::system_error, `receive on 0.0.0.0:514: ...`; a socket that is connected also when its peer refuses. A
/// steady state allocates nothing.
///
/// Lifetime: owns what it is given as an rvalue; borrows an lvalue, which then stays where it is.
///
/// @throws std::invalid_argument for a limit of 0
inline datagrams_stream datagrams(udp_socket&& socket, datagrams_options options = {}) {
    return {std::move(socket), options};
}
inline datagrams_stream datagrams(udp_socket& socket, datagrams_options options = {}) { return {&socket, options}; }

} // namespace weir
