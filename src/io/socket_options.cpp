// SPDX-License-Identifier: MIT
#include <weir/io/socket_options.hpp>

#include <chrono>
#include <climits>
#include <stdexcept>
#include <string>

#include <weir/backend/backend.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/io/detail/error.hpp>

namespace weir::detail {

namespace {

void require(bool holds, std::string_view function, std::string_view problem) {
    if (!holds) throw std::invalid_argument{"weir::" + std::string{function} + ": " + std::string{problem}};
}

constexpr duration longest = std::chrono::seconds{INT_MAX};

void check_buffers(std::size_t receive, std::size_t send, std::string_view function) {
    require(receive <= INT_MAX, function, "receive_buffer is beyond 2 GiB");
    require(send <= INT_MAX, function, "send_buffer is beyond 2 GiB");
}

class setter {
public:
    setter(backend& io, int fd, const endpoint& address) noexcept : io_{io}, fd_{fd}, address_{address} {}

    void set(socket_option option, std::string_view called, int value) const {
        const int r = io_.sockets().set_option(fd_, option, value);
        if (r < 0) {
            throw_io_error(r, "set " + std::string{called} + " = " + std::to_string(value) + " on",
                           address_.to_string());
        }
    }
    /// Sets an option unless its value is 0.
    void set_number(socket_option option, std::string_view called, std::size_t value) const {
        if (value != 0) set(option, called, static_cast<int>(value));
    }
    void set_time(socket_option option, std::string_view called, duration value) const {
        set_number(option, called, static_cast<std::size_t>(std::chrono::ceil<std::chrono::seconds>(value).count()));
    }
    void set_buffers(std::size_t receive, std::size_t send) const {
        set_number(socket_option::receive_buffer, "receive_buffer", receive);
        set_number(socket_option::send_buffer, "send_buffer", send);
    }

private:
    backend& io_;
    int fd_;
    const endpoint& address_;
};

} // namespace

void check(const tcp_options& options, std::string_view function) {
    require(options.keep_alive >= duration::zero() && options.keep_alive <= longest, function,
            "keep_alive is negative, or too long");
    require(options.keep_alive_interval >= duration::zero() && options.keep_alive_interval <= longest, function,
            "keep_alive_interval is negative, or too long");
    require(options.keep_alive_probes >= 0, function, "keep_alive_probes is negative");
    check_buffers(options.receive_buffer, options.send_buffer, function);
}

void check(const udp_options& options, std::string_view function) {
    require(options.ttl >= 0 && options.ttl <= 255, function, "ttl is not between 0 and 255");
    require(options.multicast_ttl >= 0 && options.multicast_ttl <= 255, function,
            "multicast_ttl is not between 0 and 255");
    check_buffers(options.receive_buffer, options.send_buffer, function);
}

void set_options(backend& io, int fd, const tcp_options& options, const endpoint& address) {
    const setter on{io, fd, address};
    if (!options.no_delay) on.set(socket_option::no_delay, "no_delay", 0);
    if (options.keep_alive != duration::zero()) on.set(socket_option::keep_alive, "keep_alive", 1);
    on.set_time(socket_option::keep_alive_idle, "keep_alive", options.keep_alive);
    on.set_time(socket_option::keep_alive_interval, "keep_alive_interval", options.keep_alive_interval);
    on.set_number(socket_option::keep_alive_probes, "keep_alive_probes",
                  static_cast<std::size_t>(options.keep_alive_probes));
    on.set_buffers(options.receive_buffer, options.send_buffer);
}

void set_options(backend& io, int fd, const udp_options& options, const endpoint& address) {
    const setter on{io, fd, address};
    if (options.reuse_port) set_reuse_port(io, fd, address);
    if (options.broadcast) on.set(socket_option::broadcast, "broadcast", 1);
    on.set_number(socket_option::ttl, "ttl", static_cast<std::size_t>(options.ttl));
    on.set_number(socket_option::multicast_ttl, "multicast_ttl", static_cast<std::size_t>(options.multicast_ttl));
    if (!options.multicast_loop) on.set(socket_option::multicast_loop, "multicast_loop", 0);
    on.set_buffers(options.receive_buffer, options.send_buffer);
}

void set_reuse_port(backend& io, int fd, const endpoint& address) {
    setter{io, fd, address}.set(socket_option::reuse_port, "reuse_port", 1);
}

} // namespace weir::detail
