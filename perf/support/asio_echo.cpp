// SPDX-License-Identifier: MIT
#include "echo_servers.hpp"

#if __has_include(<asio.hpp>)

#include <array>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

namespace bench {

namespace {

class session : public std::enable_shared_from_this<session> {
public:
    session(asio::ip::tcp::socket socket, std::size_t size) : socket_{std::move(socket)}, buffer_(size) {}

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

    asio::ip::tcp::socket socket_;
    std::vector<char> buffer_;
};

void accept(asio::ip::tcp::acceptor& acceptor, std::size_t size) {
    acceptor.async_accept([&acceptor, size](const std::error_code& error, asio::ip::tcp::socket socket) {
        if (error) return;
        socket.set_option(asio::ip::tcp::no_delay{true});
        std::make_shared<session>(std::move(socket), size)->read();
        accept(acceptor, size);
    });
}

} // namespace

bool have_asio() noexcept { return true; }

bool asio_echo(const ready_function& ready, std::size_t message) {
    asio::io_context loop{1};
    asio::ip::tcp::acceptor acceptor{loop, {asio::ip::address_v4::loopback(), 0}};
    accept(acceptor, message < 1024 ? 1024 : message);
    ready(acceptor.local_endpoint().port());
    loop.run();
    return true;
}

} // namespace bench

#else

namespace bench {

bool have_asio() noexcept { return false; }
bool asio_echo(const ready_function&, std::size_t) { return false; }

} // namespace bench

#endif
