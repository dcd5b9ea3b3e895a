// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/unix.hpp>

namespace weir {

/// The stream of a listener's connections.
template <class Listener>
class [[nodiscard("add a sink and co_await it")]] accept_stream {
public:
    using value_type = typename Listener::connection_type;

    explicit accept_stream(Listener listener) noexcept : owned_{std::move(listener)} {}
    explicit accept_stream(Listener* listener) noexcept : borrowed_{listener} {}

    poll<value_type> poll_next(context& cx) {
        checker_.check();
        const Listener& listener = borrowed_ != nullptr ? *borrowed_ : owned_;
        for (;;) {
            if (pause_.armed() && !pause_.poll(cx)) return pending;
            const auto r = step_.poll_next(cx, listener.native_handle());
            if (r.is_pending()) return pending;
            if (*r >= 0) {
                pause_.cancel();
                delay_ = shortest_pause;
                return listener.connection({*r, cx.executor().io().closer()}, step_.peer);
            }
            switch (-*r) {
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                // The connection stays in the backlog, so that an immediate retry would fail again.
                pause_.arm(cx.executor(), cx.executor().time_after(delay_));
                delay_ = std::min(delay_ * 2, longest_pause);
                continue;
            default:
                checker_.ended();
                detail::throw_io_error(*r, "accept on", listener.name());
            }
        }
    }

    void outline(stage_outline&) const noexcept {}

private:
    static constexpr duration shortest_pause = std::chrono::milliseconds{5};
    static constexpr duration longest_pause = std::chrono::seconds{1};

    Listener owned_;
    Listener* borrowed_ = nullptr;
    duration delay_ = shortest_pause;
    deadline_timer pause_;
    detail::poll_checker checker_;
    detail::accept_step step_; // last: cancelled before its descriptor is closed
};

/// accept(listener): the connections of a listener, in order of arrival.
///
///     weir::accept(listener) | weir::for_each_concurrent(1000, serve)
///
/// A connection is accepted when it is polled for; until then it waits in the kernel's backlog. When descriptors or
/// memory run out, the stream tries again after 5 ms, then at growing intervals of up to one second.
///
/// Ends: never.
/// Errors: std::system_error.
/// Dropped: closes the listener if the stream owns it.
/// Cost: no allocation.
/// Lifetime: owns an rvalue argument; borrows an lvalue, which must then outlive the stream and must not be moved.
/// See: serve.
inline accept_stream<tcp_listener> accept(tcp_listener&& listener) noexcept {
    return accept_stream<tcp_listener>{std::move(listener)};
}
inline accept_stream<tcp_listener> accept(tcp_listener& listener) noexcept {
    return accept_stream<tcp_listener>{&listener};
}
inline accept_stream<unix_listener> accept(unix_listener&& listener) noexcept {
    return accept_stream<unix_listener>{std::move(listener)};
}
inline accept_stream<unix_listener> accept(unix_listener& listener) noexcept {
    return accept_stream<unix_listener>{&listener};
}

} // namespace weir
