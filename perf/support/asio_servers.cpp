// SPDX-License-Identifier: MIT
#include "crowd_servers.hpp"
#include "echo_servers.hpp"

#if __has_include(<asio.hpp>)

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

namespace bench {

namespace {

using tcp_socket = asio::ip::tcp::socket;

/// Accepts connections forever, and passes each to a function.
class server {
public:
    explicit server(std::function<void(tcp_socket)> connected) : connected_{std::move(connected)} {}

    bool run(const ready_function& ready) {
        accept();
        ready(acceptor_.local_endpoint().port());
        loop_.run();
        return true;
    }

private:
    void accept() {
        acceptor_.async_accept([this](const std::error_code& error, tcp_socket socket) {
            if (error) return;
            socket.set_option(asio::ip::tcp::no_delay{true});
            connected_(std::move(socket));
            accept();
        });
    }

    asio::io_context loop_{1};
    asio::ip::tcp::acceptor acceptor_{loop_, {asio::ip::address_v4::loopback(), 0}};
    std::function<void(tcp_socket)> connected_;
};

/// A connection that sends back what it receives.
class echo_session : public std::enable_shared_from_this<echo_session> {
public:
    echo_session(tcp_socket socket, std::size_t size) : socket_{std::move(socket)}, buffer_(size) {}

    void read() {
        socket_.async_read_some(asio::buffer(buffer_),
                                [self = shared_from_this()](const std::error_code& error, std::size_t size) {
                                    if (!error) self->write(size);
                                });
    }

private:
    void write(std::size_t size) {
        asio::async_write(socket_, asio::buffer(buffer_.data(), size),
                          [self = shared_from_this()](const std::error_code& error, std::size_t) {
                              if (!error) self->read();
                          });
    }

    tcp_socket socket_;
    std::vector<char> buffer_;
};

class room;

/// A connection whose messages go to all connections of its room.
class member : public std::enable_shared_from_this<member> {
public:
    member(tcp_socket socket, room& where) : socket_{std::move(socket)}, room_{where} {}

    void read();
    void write(std::shared_ptr<const std::array<char, crowd_message>> message) {
        asio::async_write(socket_, asio::buffer(*message),
                          [self = shared_from_this(), message](const std::error_code&, std::size_t) {});
    }
    void leave() { socket_.close(); }

private:
    tcp_socket socket_;
    room& room_;
    std::array<char, crowd_message> buffer_{};
};

class room {
public:
    void enter(tcp_socket socket) {
        (*members_.insert(std::make_shared<member>(std::move(socket), *this)).first)->read();
    }
    void obey(const std::array<char, crowd_message>& command) {
        if (command[0] == crowd_leaves) {
            for (const auto& m : members_) m->leave();
            members_.clear();
            return;
        }
        const auto message = std::make_shared<const std::array<char, crowd_message>>(command);
        for (const auto& m : members_) m->write(message);
    }
    void left(const std::shared_ptr<member>& who) { members_.erase(who); }

private:
    std::unordered_set<std::shared_ptr<member>> members_;
};

void member::read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const std::error_code& error, std::size_t) {
                                if (error) {
                                    self->room_.left(self);
                                    return;
                                }
                                self->room_.obey(self->buffer_);
                                self->read();
                            });
}

} // namespace

bool have_asio() noexcept { return true; }

bool asio_echo(const ready_function& ready, std::size_t message) {
    const std::size_t size = std::max<std::size_t>(message, 1024);
    server echo{[size](tcp_socket socket) { std::make_shared<echo_session>(std::move(socket), size)->read(); }};
    return echo.run(ready);
}

bool asio_crowd(const ready_function& ready) {
    room all;
    server crowd{[&all](tcp_socket socket) { all.enter(std::move(socket)); }};
    return crowd.run(ready);
}

} // namespace bench

#else

namespace bench {

bool have_asio() noexcept { return false; }
bool asio_echo(const ready_function&, std::size_t) { return false; }
bool asio_crowd(const ready_function&) { return false; }

} // namespace bench

#endif
