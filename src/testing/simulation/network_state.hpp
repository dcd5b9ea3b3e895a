// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/backend/socket_system.hpp>

#include "testing/simulation/world.hpp"

namespace weir::testing::detail {

class stream_socket;

/// A connection of two ends, and the data in flight between them.
class connection final : public actor, public std::enable_shared_from_this<connection> {
public:
    enum class kind : std::uint8_t {
        tcp,
        local, // a pipe or a Unix socket, which has no faults and no resets
    };

    /// The state of one end, and the data in flight to it.
    struct end {
        stream_socket* socket = nullptr;
        bool closed = false;
        std::size_t host = 0;
        endpoint address;

        std::string stream;               // the received bytes; those before `head` have been read
        std::size_t head = 0;             // the end of the bytes that have been read
        std::size_t arrived = 0;          // the end of the bytes that have arrived
        std::deque<std::size_t> segments; // the sizes of the segments in flight; 0 is the end of the stream
        time_point last_arrival{};
        time_point line_free{};

        bool ended = false;                 // the other end sends no more
        bool shut = false;                  // this end sends no more
        bool dead = false;                  // this end was reset, or has given up
        int error = 0;                      // an error that was not reported yet
        std::vector<std::uint32_t> held_up; // events that a partition delays
        std::uint32_t stall = 0;            // the number of times that events were delayed
    };

    connection(world& w, kind k) noexcept : world_{w}, kind_{k}, number{++w.last_number} {}

    int send(std::size_t from, const char* data, std::size_t size);
    int receive(std::size_t at, char* to, std::size_t size);
    bool readable(std::size_t at) const noexcept;
    bool writable(std::size_t at) const noexcept;
    int shut(std::size_t from);
    void close(std::size_t side);
    /// Sends a reset to an end.
    void reset(std::size_t side);
    void healed();
    bool alive() const noexcept;

    void happen(std::uint32_t what) override;

private:
    enum : std::uint32_t { arrive, window, reset_arrives, give_up };
    static std::uint32_t code(std::uint32_t what, std::size_t side, std::uint32_t stall = 0) noexcept {
        return what | static_cast<std::uint32_t>(side) << 2U | stall << 3U;
    }

    duration latency() const noexcept;
    void push(std::size_t to, std::size_t size);
    void segment_arrives(std::size_t side);
    void fail(std::size_t side, int error);

    world& world_;
    const kind kind_;

public:
    const std::uint64_t number;
    end ends[2];
};

/// A TCP or Unix socket, listening or connected, or an end of a pipe.
class stream_socket final : public node, public std::enable_shared_from_this<stream_socket> {
public:
    explicit stream_socket(world& w) noexcept : node{w} {}
    stream_socket(world& w, std::shared_ptr<connection> c, std::size_t side) noexcept
        : node{w}, connection_{std::move(c)}, side_{side}, state_{state::connected} {
        connection_->ends[side].socket = this;
    }

    int attempt(const io_request& request) override;
    void close() noexcept override;
    void happen(std::uint32_t what) override;

    void listen(std::size_t host, const endpoint& local, std::size_t backlog);
    bool has_room() const noexcept { return backlog_.size() < most_; }
    void take(std::shared_ptr<connection> c);
    int shut() { return connection_ != nullptr ? connection_->shut(side_) : -ENOTCONN; }
    int local_endpoint(endpoint& result) const;
    int remote_endpoint(endpoint& result) const;
    std::string path; // of a listening Unix socket

private:
    enum class state : std::uint8_t { fresh, listening, connecting, connected, failed, closed };
    enum : std::uint32_t { try_again, syn_arrives, established, refused, timed_out };

    int accept(const io_request& request);
    void start_connect(const endpoint& peer);
    void syn();
    void syn_later();

    std::shared_ptr<connection> connection_;
    std::size_t side_ = 0;
    state state_ = state::fresh;
    int error_ = 0;

    std::deque<std::shared_ptr<connection>> backlog_;
    std::size_t most_ = 0;
    std::size_t host_ = 0;
    endpoint local_;
    endpoint peer_;
    time_point give_up_at_{};
    duration retry_{};
    std::uint64_t number_ = 0;
};

class datagram_socket final : public node, public std::enable_shared_from_this<datagram_socket> {
public:
    explicit datagram_socket(world& w) noexcept : node{w} {}

    int attempt(const io_request& request) override;
    void put_back(const io_request& request, int result) override;
    void close() noexcept override;

    int bind(const endpoint& local);
    int connect(const endpoint& peer);
    void deliver(const endpoint& from, std::string data);
    void refused();

    endpoint local;
    endpoint remote;

private:
    struct datagram {
        endpoint from;
        std::string data;
    };

    int send(const io_message& message);
    int receive(io_message& message);

    std::size_t host_ = 0;
    std::deque<datagram> inbox_;
    int error_ = 0;
};

class network_state final : public socket_system {
public:
    explicit network_state(world& w) noexcept : world_{w} {}

    std::size_t host_of(std::string_view address);
    std::size_t host_of(const endpoint& address) { return host_of(address.address()); }
    /// Binds a socket to an address, and chooses a port if the address has none.
    /// @return 0, or -EADDRINUSE when the port is taken
    template <class Socket>
    int bind(std::map<std::pair<std::size_t, std::uint16_t>, Socket*>& bound, Socket& socket, const endpoint& wanted,
             endpoint& got);

    std::uint16_t free_port() noexcept {
        return next_port_ = next_port_ == 65535 ? 32768 : static_cast<std::uint16_t>(next_port_ + 1);
    }
    duration latency(std::size_t a, std::size_t b) noexcept;
    bool parted(std::size_t a, std::size_t b) noexcept;
    void part(std::size_t a, std::size_t b, duration how_long);
    void heal(std::size_t a, std::size_t b);
    void heal();
    void held_up(const std::shared_ptr<connection>& c) { held_up_.push_back(c); }
    void release();

    int set_option(int fd, socket_option option, int value) override;
    int listen(int fd, const endpoint& local, int backlog) override;
    int check_tcp(int fd) override;
    int open_datagram_socket(const endpoint& like) override;
    int bind(int fd, const endpoint& local) override;
    int connect(int fd, const endpoint& peer) override;
    int listen_unix(const unix_address& local, int backlog, unsigned permissions,
                    std::shared_ptr<descriptor_closer>& closer) override;
    int remove_socket(const unix_address& at) override;
    int connect_unix(const unix_address& peer) override;
    int unix_pair(int& one, int& other) override;
    int open_pair(int& one, int& other);

    std::map<std::pair<std::size_t, std::uint16_t>, stream_socket*> listeners;
    std::map<std::pair<std::size_t, std::uint16_t>, datagram_socket*> datagrams;
    std::map<std::string, stream_socket*> unix_listeners;
    std::vector<std::weak_ptr<connection>> connections;
    std::vector<std::string> hosts;

private:
    struct partition {
        std::size_t a;
        std::size_t b;
        time_point until;
    };

    /// Wakes the network at the end of a partition.
    class end_of_partition;

    world& world_;
    std::vector<partition> partitions_;
    std::vector<std::weak_ptr<connection>> held_up_;
    std::uint16_t next_port_ = 32767;
};

template <class Socket>
int network_state::bind(std::map<std::pair<std::size_t, std::uint16_t>, Socket*>& bound, Socket& socket,
                        const endpoint& wanted, endpoint& got) {
    const std::size_t host = host_of(wanted);
    std::uint16_t port = wanted.port();
    if (port == 0) {
        do port = free_port();
        while (bound.contains({host, port}));
    }
    if (!bound.emplace(std::pair{host, port}, &socket).second) return -EADDRINUSE;
    got = endpoint{wanted.address(), port};
    return 0;
}

} // namespace weir::testing::detail
