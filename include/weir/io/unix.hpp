// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/file_system.hpp>
#include <weir/backend/unix_address.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>

namespace weir {

class unix_stream;
class unix_listener;

/// A descriptor that another process has sent. The destructor closes it, unless it was converted.
///
///     weir::file log = std::move(got.descriptors[0]).to_file("the client's log");
class received_descriptor {
public:
    explicit received_descriptor(detail::descriptor fd) noexcept : fd_{std::move(fd)} {}

    int native_handle() const noexcept { return fd_.get(); }

    /// @param name  the name for error messages
    file to_file(std::string name) && noexcept { return {std::move(fd_), std::move(name)}; }

    /// `co_await std::move(d).to_tcp_stream()`
    /// @throws std::system_error when it is of another kind; it is then closed
    auto to_tcp_stream() && noexcept {
        return detail::immediate_operation{[fd = std::move(fd_)](backend& io) mutable {
            endpoint remote;
            int r = io.sockets().check_tcp(fd.get());
            if (r >= 0) r = io.remote_endpoint(fd.get(), remote);
            if (r < 0) detail::throw_io_error(r, "make a TCP connection of", "a received descriptor");
            return tcp_stream{std::move(fd), remote};
        }};
    }

    /// `co_await std::move(d).to_tcp_listener()`
    /// @throws std::system_error when it is of another kind; it is then closed
    auto to_tcp_listener() && noexcept {
        return detail::immediate_operation{[fd = std::move(fd_)](backend& io) mutable {
            endpoint local;
            int r = io.sockets().check_tcp(fd.get());
            if (r >= 0) r = io.local_endpoint(fd.get(), local);
            if (r < 0) detail::throw_io_error(r, "make a TCP listener of", "a received descriptor");
            return tcp_listener{std::move(fd), local};
        }};
    }

    /// `co_await std::move(d).to_unix_listener()`. The file of the socket stays when the listener is closed.
    /// @throws std::system_error when it is of another kind; it is then closed
    auto to_unix_listener() && noexcept;

    /// @param name  the name for error messages
    unix_stream to_unix_stream(std::string name) && noexcept;

private:
    detail::descriptor fd_;
};

/// The result of a read with descriptors.
struct received_with_descriptors {
    std::size_t size; ///< 0 at the end
    std::vector<received_descriptor> descriptors;
};

namespace detail {

/// Anything with a descriptor.
template <class D>
concept has_descriptor = requires(const D& d) {
    { d.native_handle() } -> std::same_as<int>;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] write_with_operation {
public:
    using result_type = unit;

    write_with_operation(unix_stream& stream, byte_view what, std::span<const int> descriptors);
    poll<unit> poll_result(context& cx);

private:
    unix_stream* stream_;
    byte_view what_;
    std::unique_ptr<passed_descriptors> descriptors_; // null once they were sent
    io_message message_;
    write_progress rest_;
    io_operation operation_; // last: cancelled before its message is destroyed
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] read_with_operation {
public:
    using result_type = received_with_descriptors;

    read_with_operation(unix_stream& stream, byte_span to)
        : stream_{&stream}, to_{to}, descriptors_{std::make_unique_for_overwrite<passed_descriptors>()} {
        descriptors_->count = 0;
    }
    read_with_operation(read_with_operation&&) noexcept = default;
    ~read_with_operation() {
        // Closes descriptors that arrived for a dropped read.
        operation_.cancel();
        if (descriptors_ == nullptr) return;
        for (const int fd : numbers()) closer_->close(fd);
    }

    poll<received_with_descriptors> poll_result(context& cx);

private:
    std::span<const int> numbers() const noexcept {
        return std::span{descriptors_->numbers}.first(descriptors_->count);
    }

    unix_stream* stream_;
    byte_span to_;
    std::unique_ptr<passed_descriptors> descriptors_;
    std::shared_ptr<descriptor_closer> closer_;
    io_message message_;
    io_operation operation_;
};

} // namespace detail

/// A connection over a Unix socket. The destructor closes it.
///
///     auto server = co_await weir::unix_connect("/run/app.sock");
///     co_await server.write("hello\n");
///
/// Errors and lifetime are those of tcp_stream; error messages contain the listener's address.
class unix_stream {
public:
    static constexpr auto read_kind = io_request::kind::receive;
    static constexpr auto write_kind = io_request::kind::send;
    /// The maximum number of descriptors in one write.
    static constexpr std::size_t max_descriptors = passed_descriptors::capacity;

    unix_stream() noexcept = default;
    unix_stream(detail::descriptor fd, std::string name) noexcept : fd_{std::move(fd)}, name_{std::move(name)} {}

    bool is_open() const noexcept { return fd_.get() >= 0; }
    void close() noexcept { fd_.close(); }
    int native_handle() const noexcept { return fd_.get(); }
    const std::string& name() const noexcept { return name_; }

    /// `co_await s.read(buffer)`: returns the number of bytes read; 0 when the peer has shut down its side. Descriptors
    /// that arrive with them are closed.
    auto read(byte_span to) noexcept { return detail::read_operation<unix_stream>{*this, to, -1}; }
    /// `co_await s.write(data)`: writes all data.
    auto write(byte_view what) noexcept { return detail::write_operation<unix_stream>{*this, what, -1}; }

    /// `co_await s.shutdown_write()`: the peer reads the written data and then the end.
    auto shutdown_write() noexcept {
        return detail::immediate_operation{[this](backend& io) {
            if (const int r = io.shutdown_write(native_handle()); r < 0) detail::throw_io_error(r, "shut down", name_);
            return unit{};
        }};
    }

    /// `co_await s.write_with(data, a_file, a_connection)`: writes data and sends copies of descriptors, which may be
    /// closed here afterwards. They arrive with the first byte. Bytes of a dropped read of one of them stay with the
    /// object here.
    /// @throws std::invalid_argument without data, or with more than max_descriptors
    template <detail::has_descriptor... D>
    auto write_with(byte_view what, const D&... descriptors) {
        return detail::write_with_operation{*this, what, std::array<int, sizeof...(D)>{descriptors.native_handle()...}};
    }
    auto write_with(byte_view what, std::span<const int> descriptors) {
        return detail::write_with_operation{*this, what, descriptors};
    }

    /// `co_await s.read_with(buffer)`: reads bytes and the descriptors that arrived with them. The bytes of one write
    /// may be read in parts. Bytes of a write with descriptors are not read together with those of another write.
    ///
    /// Errors: std::system_error when the process has too many open files for the descriptors:
    /// `read descriptors from /run/app.sock: Too many open files`.
    /// Dropped: loses nothing; the next read gets bytes that have just arrived, with their descriptors.
    auto read_with(byte_span to) { return detail::read_with_operation{*this, to}; }

private:
    detail::descriptor fd_;
    std::string name_;
};

inline unix_stream received_descriptor::to_unix_stream(std::string name) && noexcept {
    return {std::move(fd_), std::move(name)};
}

/// Accepts connections to a Unix socket, as the stream `accept(listener)` or one by one. The destructor closes it and
/// removes its file, unless another file has replaced it.
///
///     auto listener = co_await weir::unix_listen("/run/app.sock");
///     weir::unix_stream client = co_await listener.accept();
///
/// Errors and lifetime are those of tcp_listener.
class unix_listener {
public:
    using connection_type = unix_stream;

    unix_listener() noexcept = default;
    unix_listener(detail::descriptor fd, const unix_address& local) noexcept : fd_{std::move(fd)}, local_{local} {}

    bool is_open() const noexcept { return fd_.get() >= 0; }
    void close() noexcept { fd_.close(); }
    int native_handle() const noexcept { return fd_.get(); }
    std::string name() const { return local_.to_string(); }
    const unix_address& local_address() const noexcept { return local_; }

    auto accept() noexcept { return detail::accept_operation{*this}; }

    /// Wraps an accepted descriptor.
    unix_stream connection(detail::descriptor fd, const endpoint&) const { return {std::move(fd), name()}; }

private:
    detail::descriptor fd_;
    unix_address local_;
};

namespace detail {

inline write_with_operation::write_with_operation(unix_stream& stream, byte_view what, std::span<const int> descriptors)
    : stream_{&stream}, what_{what} {
    if (what.size() == 0) {
        throw std::invalid_argument{"weir::unix_stream::write_with: there is no data to send the descriptors with"};
    }
    if (descriptors.size() > unix_stream::max_descriptors) {
        throw std::invalid_argument{"weir::unix_stream::write_with: more than " +
                                    std::to_string(unix_stream::max_descriptors) + " descriptors"};
    }
    descriptors_ = std::make_unique_for_overwrite<passed_descriptors>();
    descriptors_->count = descriptors.size();
    std::copy(descriptors.begin(), descriptors.end(), descriptors_->numbers.begin());
    message_.data = const_cast<void*>(what.data());
    message_.size = what.size();
    message_.descriptors = descriptors_.get();
}

inline poll<unit> write_with_operation::poll_result(context& cx) {
    if (descriptors_ != nullptr) {
        const auto r = operation_.run(
            cx, {.what = io_request::kind::send_message, .fd = stream_->native_handle(), .data = &message_});
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "write descriptors to", stream_->name());
        descriptors_.reset();
        rest_.start(
            std::span{static_cast<const char*>(what_.data()), what_.size()}.subspan(static_cast<std::size_t>(*r)));
    }
    if (rest_.poll(cx, *stream_)) return unit{};
    return pending;
}

inline poll<received_with_descriptors> read_with_operation::poll_result(context& cx) {
    closer_ = cx.executor().io().closer();
    message_.data = to_.data();
    message_.size = to_.size();
    message_.descriptors = descriptors_.get();
    const auto r = operation_.run(
        cx, {.what = io_request::kind::receive_message, .fd = stream_->native_handle(), .data = &message_});
    if (r.is_pending()) return pending;
    if (*r < 0) throw_io_error(*r, "read", stream_->name());
    if (descriptors_->lost) throw_io_error(-EMFILE, "read descriptors from", stream_->name());
    std::vector<received_descriptor> descriptors;
    descriptors.reserve(descriptors_->count);
    for (const int fd : numbers()) descriptors.emplace_back(descriptor{fd, closer_});
    descriptors_->count = 0;
    return received_with_descriptors{static_cast<std::size_t>(*r), std::move(descriptors)};
}

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] unix_connect_operation {
public:
    using result_type = unix_stream;

    explicit unix_connect_operation(const unix_address& peer) noexcept : peer_{peer} {}

    poll<unix_stream> poll_result(context& cx) {
        for (;;) {
            if (pause_.armed() && !pause_.poll(cx)) return pending;
            const int r = cx.executor().io().sockets().connect_unix(peer_);
            if (r >= 0) return unix_stream{descriptor{r, cx.executor().io().closer()}, peer_.to_string()};
            if (r != -EAGAIN) throw_io_error(r, "connect to", peer_.to_string());
            // The backlog is full. The kernel reports no event when it has room again.
            pause_.arm(cx.executor(), cx.executor().time_after(delay_));
            delay_ = std::min(delay_ * 2, longest_pause);
        }
    }

private:
    static constexpr duration longest_pause = std::chrono::milliseconds{100};

    unix_address peer_;
    duration delay_ = std::chrono::milliseconds{1};
    deadline_timer pause_;
};

} // namespace detail

/// `co_await unix_connect(address)`: connects, and returns the connection. It waits while the listener's backlog is
/// full.
///
///     co_await weir::unix_connect("/run/app.sock")
///     co_await weir::unix_connect(weir::unix_address::abstract("app"))
///
/// @throws std::system_error `connect to /run/app.sock: No such file or directory`; `Connection refused` when the file
/// was left behind by a server that has ended
inline auto unix_connect(const unix_address& peer) noexcept { return detail::unix_connect_operation{peer}; }

/// `co_await unix_pair()`: two connected sockets.
/// @throws std::system_error
inline auto unix_pair() noexcept {
    return detail::immediate_operation{[](backend& io) {
        int one = -1;
        int other = -1;
        if (const int r = io.sockets().unix_pair(one, other); r < 0) detail::throw_io_error(r, "socketpair", "");
        detail::descriptor first{one, io.closer()};
        detail::descriptor second{other, io.closer()};
        return std::pair{unix_stream{std::move(first), "unix pair"}, unix_stream{std::move(second), "unix pair"}};
    }};
}

/// What happens to the file of a socket on which no process listens any more, as when a server was killed.
enum class stale_socket : std::uint8_t {
    /// Listening fails with an error.
    fail,
    /// The file is removed. Two servers that find the same file at the same time may both start; the first then has no
    /// file.
    replace,
};

struct unix_listen_options {
    int backlog = 4096;          ///< connections that wait to be accepted; the kernel lowers it to net.core.somaxconn
    unsigned permissions = 0777; ///< of the file, without the bits of the umask; write permission allows to connect
    stale_socket stale = stale_socket::fail;
};

inline auto received_descriptor::to_unix_listener() && noexcept {
    return detail::immediate_operation{[fd = std::move(fd_)](backend& io) mutable {
        unix_address local;
        const int r = io.sockets().check_unix_listener(fd.get(), local);
        if (r < 0) detail::throw_io_error(r, "make a Unix listener of", "a received descriptor");
        return unix_listener{std::move(fd), local};
    }};
}

/// `co_await unix_listen(address)`: creates a listener.
///
///     co_await weir::unix_listen("/run/app.sock", {.permissions = 0600, .stale = weir::stale_socket::replace})
///
/// @throws std::system_error `listen on /run/app.sock: Address already in use`, or, without a listening process,
/// `listen on /run/app.sock, a stale socket file without a listener: Address already in use`
inline auto unix_listen(const unix_address& local, unix_listen_options options = {}) noexcept {
    return detail::immediate_operation{[local, options](backend& io) {
        std::shared_ptr<descriptor_closer> closer;
        const auto attempt = [&] {
            return io.sockets().listen_unix(local, options.backlog, options.permissions, closer);
        };
        const auto is_stale = [&] {
            file_status status;
            const std::string path = local.path();
            if (path.empty()) return false;
            if (io.files().status(file_system::working_directory, path.c_str(), symlinks::stay, status) < 0)
                return false;
            if (status.type != file_type::socket) return false;
            // The only way to find out. A running server sees a connection that is closed at once.
            const int r = io.sockets().connect_unix(local);
            if (r >= 0) io.close(r);
            return r == -ECONNREFUSED;
        };

        int fd = attempt();
        if (fd == -EADDRINUSE && is_stale()) {
            if (options.stale == stale_socket::fail) {
                detail::throw_io_error(fd, "listen on", local.path() + ", a stale socket file without a listener");
            }
            const int r = io.sockets().remove_socket(local);
            if (r < 0 && r != -ENOENT) detail::throw_io_error(r, "remove", local.path());
            fd = attempt();
        }
        if (fd < 0) detail::throw_io_error(fd, "listen on", local.to_string());
        return unix_listener{detail::descriptor{fd, std::move(closer)}, local};
    }};
}

} // namespace weir
