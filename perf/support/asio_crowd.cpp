// SPDX-License-Identifier: MIT
#include "crowd_servers.hpp"

#if __has_include(<asio.hpp>)

#include <array>
#include <cstddef>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

namespace bench {

namespace {

class room;

class member : public std::enable_shared_from_this<member> {
public:
    member(asio::ip::tcp::socket socket, room& where) : socket_{std::move(socket)}, room_{where} {}

    void read();
    void write(std::shared_ptr<const std::array<char, crowd_message>> message) {
        asio::async_write(socket_, asio::buffer(*message),
                          [self = shared_from_this(), message](const std::error_code&, std::size_t) {});
    }
    void leave() { socket_.close(); }

private:
    asio::ip::tcp::socket socket_;
    room& room_;
    std::array<char, crowd_message> buffer_{};
};

class room {
public:
    explicit room(asio::ip::tcp::acceptor& acceptor) : acceptor_{acceptor} {}

    void accept() {
        acceptor_.async_accept([this](const std::error_code& error, asio::ip::tcp::socket socket) {
            if (error) return;
            socket.set_option(asio::ip::tcp::no_delay{true});
            (*members_.insert(std::make_shared<member>(std::move(socket), *this)).first)->read();
            accept();
        });
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
    asio::ip::tcp::acceptor& acceptor_;
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

bool asio_crowd(const ready_function& ready) {
    asio::io_context loop{1};
    asio::ip::tcp::acceptor acceptor{loop, {asio::ip::address_v4::loopback(), 0}};
    room all{acceptor};
    all.accept();
    ready(acceptor.local_endpoint().port());
    loop.run();
    return true;
}

} // namespace bench

#else

namespace bench {

bool asio_crowd(const ready_function&) { return false; }

} // namespace bench

#endif
