// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <weir/backend/endpoint.hpp>
#include <weir/backend/unix_address.hpp>

namespace weir {

class descriptor_closer;

/// A socket option.
enum class socket_option : std::uint8_t {
    no_delay,            ///< 0 or 1
    keep_alive,          ///< 0 or 1
    keep_alive_idle,     ///< seconds
    keep_alive_interval, ///< seconds
    keep_alive_probes,   ///< a number
    reuse_port,          ///< 0 or 1
    broadcast,           ///< 0 or 1
    ttl,                 ///< the number of routers a datagram may pass, and 1
    multicast_ttl,       ///< the same for multicast
    multicast_loop,      ///< 0 or 1
    receive_buffer,      ///< bytes
    send_buffer,         ///< bytes
};

/// What a socket does with a multicast group.
enum class membership : std::uint8_t { join, leave };

/// The descriptors of a message to be sent or received.
struct passed_descriptors {
    static constexpr std::size_t capacity = 253; // SCM_MAX_FD of Linux

    std::array<int, capacity> numbers;
    std::size_t count = 0;
    bool lost = false; ///< some were lost, because the process has too many open files
    /// For the backend.
    alignas(std::size_t) std::array<std::byte, 1032> control;
};

/// A datagram with its address, or a part of a stream with its descriptors. `data` of the requests `send_message` and
/// `receive_message` points to one.
struct io_message {
    void* data = nullptr;
    std::size_t size = 0;
    const endpoint* to = nullptr; ///< the destination, for a socket without a peer
    endpoint* from = nullptr;     ///< filled in with the sender of a received datagram
    passed_descriptors* descriptors = nullptr;
    /// For the backend.
    alignas(void*) std::array<std::byte, 9 * sizeof(void*)> header;
};

/// The part of a backend for sockets other than plain TCP: calls that do not wait. Each returns what the system call
/// returns: >= 0, or minus the error number. This base class supports none.
class socket_system {
public:
    /// @returns -ENOBUFS when the kernel makes a buffer smaller than requested
    virtual int set_option(int /*fd*/, socket_option, int /*value*/) { return -ENOSYS; }

    /// Like `backend::listen`, for a socket whose options are set.
    virtual int listen(int /*fd*/, const endpoint& /*local*/, int /*backlog*/) { return -ENOSYS; }

    /// Checks a foreign descriptor: -ENOTSOCK or -EPROTOTYPE when it is not a TCP socket.
    virtual int check_tcp(int /*fd*/) { return -ENOSYS; }

    /// The same for a listener at a Unix socket, with its address.
    virtual int check_unix_listener(int /*fd*/, unix_address& /*local*/) { return -ENOSYS; }

    /// Takes the sockets that a service manager has opened for this process, once. Returns their number. On an error
    /// all of them are closed.
    /// @param first  their lowest descriptor; the others follow
    /// @param names  their names, with colons between them
    virtual int take_activated(int& /*first*/, std::string& /*names*/) { return 0; }

    /// Creates a datagram socket for addresses of this kind.
    virtual int open_datagram_socket(const endpoint& /*like*/) { return -ENOSYS; }
    virtual int bind(int /*fd*/, const endpoint& /*local*/) { return -ENOSYS; }
    /// Of a datagram socket.
    virtual int connect(int /*fd*/, const endpoint& /*peer*/) { return -ENOSYS; }

    /// Joins or leaves a multicast group.
    /// @param interface  the name of a network interface, or "" for the system's choice
    virtual int set_membership(int /*fd*/, const endpoint& /*group*/, const char* /*interface*/, membership) {
        return -ENOSYS;
    }

    /// @param permissions  of the file, without the bits of the umask
    /// @param closer       the descriptor's closer, which removes the file
    virtual int listen_unix(const unix_address& /*local*/, int /*backlog*/, unsigned /*permissions*/,
                            std::shared_ptr<descriptor_closer>& /*closer*/) {
        return -ENOSYS;
    }
    /// Removes the file of a socket; -ENOTSOCK for other files.
    virtual int remove_socket(const unix_address& /*at*/) { return -ENOSYS; }
    /// Returns a descriptor; -EAGAIN when the backlog is full.
    virtual int connect_unix(const unix_address& /*peer*/) { return -ENOSYS; }
    virtual int unix_pair(int& /*one*/, int& /*other*/) { return -ENOSYS; }

    /// Sends a file from its position on, inside the kernel. Returns the number of bytes, 0 at the end, or -EAGAIN when
    /// the socket has no room. After any other error the caller must read and write instead.
    virtual int send_file(int /*socket*/, int /*file*/, std::size_t /*most*/) noexcept { return -ENOSYS; }

protected:
    ~socket_system() = default;
};

} // namespace weir
