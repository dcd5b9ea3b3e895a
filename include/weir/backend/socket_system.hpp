// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <weir/backend/endpoint.hpp>
#include <weir/backend/unix_address.hpp>

namespace weir {

class descriptor_closer;

/// What can be set on a socket.
enum class socket_option : std::uint8_t {
    no_delay,            ///< 0 or 1
    keep_alive,          ///< 0 or 1
    keep_alive_idle,     ///< seconds
    keep_alive_interval, ///< seconds
    keep_alive_probes,   ///< a number
    reuse_port,          ///< 0 or 1
    broadcast,           ///< 0 or 1
    receive_buffer,      ///< bytes
    send_buffer,         ///< bytes
};

/// Descriptors that go with a message, or room for those that come.
struct passed_descriptors {
    static constexpr std::size_t capacity = 253; // SCM_MAX_FD of Linux

    std::array<int, capacity> numbers;
    std::size_t count = 0;
    bool lost = false; ///< some came that there was no number for: the process has too many open
    /// For the backend.
    alignas(std::size_t) std::array<std::byte, 1032> control;
};

/// A datagram with its address, or a piece of a stream with the descriptors that go with it: what `data` of the
/// requests `send_message` and `receive_message` points to.
struct io_message {
    void* data = nullptr;
    std::size_t size = 0;
    const endpoint* to = nullptr; ///< of a datagram that is sent through a socket without a peer
    endpoint* from = nullptr;     ///< where the address of one that is received goes
    passed_descriptors* descriptors = nullptr;
    /// For the backend.
    alignas(void*) std::array<std::byte, 9 * sizeof(void*)> header;
};

/// The part of a backend that is about sockets other than plain TCP: calls that do not wait. Each answers as the system
/// call does: >= 0, or minus the error number. This one has none.
class socket_system {
public:
    /// @returns -ENOBUFS when the kernel gives less of a buffer
    virtual int set_option(int /*fd*/, socket_option, int /*value*/) { return -ENOSYS; }

    /// What `backend::listen` does with a socket of its own, on one that has its options.
    virtual int listen(int /*fd*/, const endpoint& /*local*/, int /*backlog*/) { return -ENOSYS; }

    /// Of a descriptor that came from elsewhere: -ENOTSOCK or -EPROTOTYPE when it is no TCP socket.
    virtual int check_tcp(int /*fd*/) { return -ENOSYS; }

    /// A descriptor for datagrams to and from addresses like this one.
    virtual int open_datagram_socket(const endpoint& /*like*/) { return -ENOSYS; }
    virtual int bind(int /*fd*/, const endpoint& /*local*/) { return -ENOSYS; }
    /// Of a datagram socket.
    virtual int connect(int /*fd*/, const endpoint& /*peer*/) { return -ENOSYS; }

    /// @param permissions  of the file, less the umask
    /// @param closer       of the descriptor, when there is one; it removes the file
    virtual int listen_unix(const unix_address& /*local*/, int /*backlog*/, unsigned /*permissions*/,
                            std::shared_ptr<descriptor_closer>& /*closer*/) {
        return -ENOSYS;
    }
    /// Removes the file of a socket; -ENOTSOCK for other files.
    virtual int remove_socket(const unix_address& /*at*/) { return -ENOSYS; }
    /// A descriptor; -EAGAIN when there are too many connections that were not accepted yet.
    virtual int connect_unix(const unix_address& /*peer*/) { return -ENOSYS; }
    virtual int unix_pair(int& /*one*/, int& /*other*/) { return -ENOSYS; }

    /// Sends what a file holds from its position on, without taking it out of the kernel: how much it was, 0 at its
    /// end, -EAGAIN when there is no room for it. Any other error says to do it by reading and writing.
    virtual int send_file(int /*socket*/, int /*file*/, std::size_t /*most*/) noexcept { return -ENOSYS; }

protected:
    ~socket_system() = default;
};

namespace detail {

inline socket_system& no_sockets() noexcept {
    static struct no_socket_system final : socket_system {
    } none;
    return none;
}

} // namespace detail

} // namespace weir
