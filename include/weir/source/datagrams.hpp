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
#include <weir/core/stage_outline.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/udp.hpp>

namespace weir {

/// A datagram and the address of its sender.
struct datagram {
    bytes data;
    std::size_t sent; ///< the size of the datagram in bytes, as sent
    endpoint from;

    /// Whether the datagram was longer than the limit, so that its end is lost.
    bool truncated() const noexcept { return sent > data.size(); }
};

struct datagrams_options {
    std::size_t limit = 65'536; ///< the maximum size of a datagram in bytes, > 0; the default admits every datagram
};

/// The stream of a socket's datagrams.
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

    void outline(stage_outline& out) const { out.holds({.bytes = limit_}); }

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
    detail::receive_from_step receive_; // last: cancelled before its memory is freed and its descriptor closed
};

/// datagrams(socket): the datagrams that a UDP socket receives, each with its sender.
///
///     auto socket = co_await weir::udp_bind({"0.0.0.0", 514});
///     co_await (weir::datagrams(socket) | weir::for_each([](const weir::datagram& d) { print(d.from, d.data); }));
///
/// A datagram is received when it is polled for. Until then it waits in the socket's receive buffer; the kernel drops
/// datagrams when that is full. A datagram that is longer than the limit is cut off, and `truncated()` is true for it.
///
/// Ends: never.
/// Errors: std::system_error, such as `receive on 0.0.0.0:514: ...`. On a connected socket also the refusal of its
/// peer.
/// Cost: a steady state allocates nothing. With a small limit, datagrams that are kept share memory.
/// Lifetime: owns an rvalue argument; borrows an lvalue, which must then outlive the stream and must not be moved.
///
/// @throws std::invalid_argument when the limit is 0
inline datagrams_stream datagrams(udp_socket&& socket, datagrams_options options = {}) {
    return {std::move(socket), options};
}
inline datagrams_stream datagrams(udp_socket& socket, datagrams_options options = {}) { return {&socket, options}; }

} // namespace weir
