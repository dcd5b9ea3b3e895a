// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/redis/detail/reader.hpp>
#include <weir/redis/detail/transport.hpp>
#include <weir/redis/options.hpp>
#include <weir/redis/value.hpp>
#include <weir/task.hpp>

namespace weir::redis::detail {

/// A connection to the server, and what has been read from it.
class link {
public:
    link(std::unique_ptr<transport> stream, std::size_t reply_size);

    /// Reads once, and returns true when bytes have arrived.
    /// @throws the error of the stream; std::runtime_error at its end
    bool poll_read(context& cx);
    /// Returns false when the next reply has not arrived whole.
    /// @throws protocol_error; limit_exceeded
    bool next(value& to) { return replies_.next(to); }

    /// To be called when no write is in flight. The bytes must outlive the link, or the write.
    void start_write(const std::string& bytes) { stream_->start_write(bytes); }
    bool poll_write(context& cx) { return stream_->poll_write(cx); }

    const std::string& name() const noexcept { return name_; }

private:
    static constexpr std::size_t input_size = 16 * 1024;

    std::string name_;
    reader replies_;
    std::unique_ptr<char[]> input_;
    std::unique_ptr<transport> stream_; // last: its read is cancelled before the buffer is freed
};

/// The way to the server that the options name.
/// @throws std::invalid_argument for TLS
connector connector_to(const options& o);

/// Connects and logs in, within options.connect_timeout.
/// @throws redis::error when the server refuses the login
task<std::unique_ptr<link>> open_link(const options& o, const connector& connect);

} // namespace weir::redis::detail
