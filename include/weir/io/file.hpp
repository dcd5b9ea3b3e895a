// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>

namespace weir {

namespace detail {

/// The system takes a negative offset for the file's own position.
/// @throws std::invalid_argument for an offset beyond 2^63 - 1
inline std::int64_t file_offset(std::uint64_t offset, const char* function) {
    if (offset > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        throw std::invalid_argument{function + (": the offset is beyond 2^63 - 1: " + std::to_string(offset))};
    }
    return static_cast<std::int64_t>(offset);
}

} // namespace detail

/// An open file, an end of a pipe, or a terminal. The destructor closes it. Over io_uring, the kernel may keep an end
/// of a pipe or a FIFO open for a moment longer, until it has put away the last request that used it.
///
///     auto log = co_await weir::open("events.log", weir::open_mode::append);
///     co_await log.write("started\n");
///     co_await log.sync();
///
/// Errors: std::system_error with the path in the message, such as `read access.log: Is a directory`.
/// Dropped: no operation is waited for on the epoll backend, and no sync on io_uring. A dropped write may still take
/// place after its operation was destroyed.
/// Lifetime: it must outlive its operations and must not be moved while they run. It may outlive the executor. Buffers
/// must outlive their operations.
class file {
public:
    static constexpr auto read_kind = io_request::kind::read;
    static constexpr auto write_kind = io_request::kind::write;

    file() noexcept = default;
    file(detail::descriptor fd, std::string path) noexcept : fd_{std::move(fd)}, path_{std::move(path)} {}

    /// Borrows a descriptor, which its owner closes after this object is destroyed. Its blocking mode is not changed,
    /// because other processes may share it.
    /// @param name  the name for error messages
    static file borrow(int fd, std::string name) { return {detail::descriptor{fd}, std::move(name)}; }

    bool is_open() const noexcept { return fd_.get() >= 0; }
    /// `co_await f.close()`: closes the file and reports the error that close(2) returns: one of an earlier write, such
    /// as EIO, ENOSPC or EDQUOT, which network file systems and quotas report late. Most local file systems report
    /// errors of the disk to `sync` only.
    ///
    /// The file is closed in any case: when the operation fails, when it is dropped, and when it is destroyed without
    /// having been awaited. A borrowed descriptor is not closed.
    auto close() noexcept;
    int native_handle() const noexcept { return fd_.get(); }
    const std::string& name() const noexcept { return path_; }

    /// `co_await f.read(buffer)`: reads from the file's position on and returns the number of bytes; 0 at the end. A
    /// dropped read leaves the position unchanged, and leaves the bytes of a pipe or a terminal to the next read.
    auto read(byte_span to) noexcept { return detail::read_operation<file>{*this, to, -1}; }
    /// Reads from a given offset, without a change of the position. Any number of these may be in flight.
    /// @throws std::invalid_argument for an offset beyond 2^63 - 1
    auto read_at(std::uint64_t offset, byte_span to) {
        return detail::read_operation<file>{*this, to, detail::file_offset(offset, "weir::file::read_at")};
    }

    /// `co_await f.write(data)`: writes all data, from the file's position on.
    auto write(byte_view what) noexcept { return detail::write_operation<file>{*this, what, -1}; }
    /// Writes to a given offset, without a change of the position. Any number of these may be in flight.
    /// @throws std::invalid_argument for an offset beyond 2^63 - 1
    auto write_at(std::uint64_t offset, byte_view what) {
        return detail::write_operation<file>{*this, what, detail::file_offset(offset, "weir::file::write_at")};
    }

    /// `co_await f.shutdown_write()`: closes the descriptor, which is the same for both directions, so that the reader
    /// of a pipe sees the end.
    auto shutdown_write() noexcept;

    /// `co_await f.sync()`: waits until all written data is on the device. A dropped sync is not waited for.
    auto sync() noexcept;

    /// `co_await f.size()`
    auto size() const noexcept;

private:
    detail::descriptor fd_;
    std::string path_;
};

/// A path that is resolved from a directory on and never leads out of it, for `open`:
///
///     auto page = co_await weir::open(weir::beneath("/srv/www", name_from_a_request));
///
/// A path with `..` and symbolic links may lead anywhere below the directory. A path or a link that is absolute or
/// leads above the directory is an error, also when other processes rename directories meanwhile. Links in the name of
/// the directory itself are followed as usual. A hard link or a mount below the directory counts as below it.
struct beneath {
    beneath(std::string from, std::string to)
        : directory{detail::without_nul(std::move(from), "weir::beneath: the directory")},
          path{detail::without_nul(std::move(to), "weir::beneath: the path")} {}

    std::string directory;
    std::string path;
};

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] sync_operation {
public:
    using result_type = unit;

    explicit sync_operation(const file& f) noexcept : file_{&f} {}

    poll<unit> poll_result(context& cx) {
        const auto r = operation_.run(cx, {.what = io_request::kind::sync, .fd = file_->native_handle()});
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "sync", file_->name());
        return unit{};
    }

private:
    const file* file_;
    io_operation operation_;
};

/// Its destructor closes the file too, so that it need not be awaited.
class close_operation {
public:
    using result_type = unit;

    close_operation(const file& f, descriptor fd) noexcept : file_{&f}, fd_{std::move(fd)} {}

    poll<unit> poll_result(context& cx) {
        if (!operation_.started()) {
            if (!fd_.owned()) return unit{};
            operation_.start(cx.executor(), {.what = io_request::kind::close, .fd = fd_.release()});
        }
        const auto r = operation_.poll_result(cx);
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "close", file_->name());
        return unit{};
    }

private:
    const file* file_;
    descriptor fd_;
    io_operation operation_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] open_operation {
public:
    using result_type = file;

    open_operation(std::string path, open_mode mode, unsigned permissions)
        : path_{without_nul(std::move(path), "weir::open: the path")},
          mode_{mode},
          permissions_{static_cast<std::uint16_t>(permissions & 07777)} {}

    poll<file> poll_result(context& cx) {
        const auto fd = operation_.run(
            cx, {.what = io_request::kind::open, .mode = mode_, .permissions = permissions_, .data = path_.data()});
        if (fd.is_pending()) return pending;
        if (*fd < 0) throw_io_error(*fd, "open", path_);
        return file{descriptor{*fd, cx.executor().io().closer()}, std::move(path_)};
    }

private:
    std::string path_;
    open_mode mode_;
    std::uint16_t permissions_;
    io_operation operation_;
};

/// Opens the directory, and then the path from it on.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] open_beneath_operation {
public:
    using result_type = file;

    open_beneath_operation(beneath where, open_mode mode, unsigned permissions)
        : where_(std::move(where)), mode_{mode}, permissions_{static_cast<std::uint16_t>(permissions & 07777)} {}

    poll<file> poll_result(context& cx) {
        const auto closer = cx.executor().io().closer();
        if (directory_.get() < 0) {
            const auto fd = operation_.run(cx, {.what = io_request::kind::open, .data = where_.directory.data()});
            if (fd.is_pending()) return pending;
            if (*fd < 0) throw_io_error(*fd, "open", where_.directory);
            directory_ = descriptor{*fd, closer};
        }
        for (;;) {
            const auto fd = operation_.run(cx, {.what = io_request::kind::open,
                                                .mode = mode_,
                                                .permissions = permissions_,
                                                .fd = directory_.get(),
                                                .data = where_.path.data()});
            if (fd.is_pending()) return pending;
            if (*fd == -EAGAIN && ++attempts_ != most_attempts) continue;
            if (*fd < 0) fail(*fd);
            return file{descriptor{*fd, closer}, std::move(where_.path)};
        }
    }

private:
    static constexpr int most_attempts = 100; // of an open during which directories on the path are renamed

    [[noreturn]] void fail(int error) const {
        const std::string what = where_.path + " beneath " + where_.directory;
        throw_io_error(error, "open", error == -EXDEV ? what + ": the path leads out of the directory" : what);
    }

    beneath where_;
    open_mode mode_;
    std::uint16_t permissions_;
    int attempts_ = 0;
    descriptor directory_;
    io_operation operation_;
};

} // namespace detail

inline auto file::close() noexcept { return detail::close_operation{*this, std::move(fd_)}; }

inline auto file::sync() noexcept { return detail::sync_operation{*this}; }

inline auto file::shutdown_write() noexcept {
    return detail::immediate_operation{[this](backend&) {
        fd_.close();
        return unit{};
    }};
}

inline auto file::size() const noexcept {
    return detail::immediate_operation{[this](backend& io) {
        const std::int64_t size = io.file_size(native_handle());
        if (size < 0) detail::throw_io_error(static_cast<int>(size), "stat", path_);
        return static_cast<std::uint64_t>(size);
    }};
}

/// `co_await open(path, mode)`: opens a file.
///
/// The open of a FIFO for reading or for writing waits for the other end. A writer that has come and gone counts. Where
/// the limits of inotify are reached, a writer that writes nothing may be noticed up to 64 ms late. A terminal never
/// becomes the controlling terminal of the process.
///
/// @param permissions  of a new file, without the bits of the umask
/// @throws std::system_error naming the path
inline auto open(std::string path, open_mode mode = open_mode::read, unsigned permissions = 0666) {
    return detail::open_operation{std::move(path), mode, permissions};
}

/// `co_await open(beneath(directory, path))`: opens a file whose path may come from an untrusted source.
/// @throws std::system_error naming the path and the directory; EXDEV when the path leads out of the directory
inline auto open(beneath where, open_mode mode = open_mode::read, unsigned permissions = 0666) {
    return detail::open_beneath_operation{std::move(where), mode, permissions};
}

/// The standard streams of the process. They are not closed.
inline file standard_input() { return file::borrow(0, "standard input"); }
inline file standard_output() { return file::borrow(1, "standard output"); }
inline file standard_error() { return file::borrow(2, "standard error"); }

/// The two ends of a pipe.
struct pipe {
    file read_end;
    file write_end;
};

/// `co_await open_pipe()`: a new pipe. Its reader sees the end when the other end is closed.
/// @throws std::system_error
inline auto open_pipe() {
    return detail::immediate_operation{[](backend& io) {
        int read_end = -1;
        int write_end = -1;
        if (const int r = io.open_pipe(read_end, write_end); r < 0) detail::throw_io_error(r, "pipe", "");
        return pipe{{{read_end, io.closer()}, "pipe"}, {{write_end, io.closer()}, "pipe"}};
    }};
}

} // namespace weir
