// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>

namespace weir {

/// How long a byte stream may be silent.
struct stream_limits {
    duration first_byte = duration::max(); ///< from the first operation to the first byte that is read
    duration idle = duration::max();       ///< from the start of an operation, or the last byte in either direction
};

namespace detail {

/// When the operations of a limited_stream run out of time.
class stream_deadlines {
public:
    explicit stream_deadlines(const stream_limits& limits) noexcept : limits_{limits} {}

    /// To be called when an operation starts.
    void start(executor& ex) noexcept {
        if (!started_) first_byte_until_ = ex.time_after(limits_.first_byte);
        started_ = true;
        on_progress(ex);
    }
    void on_progress(executor& ex) noexcept { idle_until_ = ex.time_after(limits_.idle); }
    void on_read() noexcept { first_byte_until_ = time_point::max(); }

    time_point read_until() const noexcept { return std::min(first_byte_until_, idle_until_); }
    time_point write_until() const noexcept { return idle_until_; }

    /// @throws timed_out naming the stream
    [[noreturn]] void fail_read(const std::string& name) const {
        if (idle_until_ < first_byte_until_) fail_idle(name);
        throw timed_out{"weir::limited_stream: " + name + ": no first byte", limits_.first_byte};
    }
    [[noreturn]] void fail_idle(const std::string& name) const {
        throw timed_out{"weir::limited_stream: " + name + ": no data", limits_.idle};
    }

private:
    stream_limits limits_;
    time_point first_byte_until_ = time_point::max(); // max once a byte was read
    time_point idle_until_ = time_point::max();
    bool started_ = false;
};

/// The wait of one operation for its next progress.
class progress_limit {
public:
    /// To be called when the operation is pending. Returns true when the time is over.
    bool over(context& cx, time_point deadline) noexcept {
        if (deadline != armed_for_) { // bytes in the other direction have moved it
            armed_for_ = deadline;
            time_.set(cx.executor(), deadline);
        }
        return deadline != time_point::max() && time_.over(cx);
    }
    void stop() noexcept {
        time_.stop();
        armed_for_ = time_point::max();
    }

private:
    time_limit time_;
    time_point armed_for_ = time_point::max();
};

template <class S>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] limited_read_operation {
    using inner = decltype(std::declval<S&>().read(std::declval<byte_span>()));

public:
    using result_type = std::size_t;

    limited_read_operation(S& stream, stream_deadlines& deadlines, byte_span to)
        : stream_{&stream}, deadlines_{&deadlines}, read_{std::in_place, stream.read(to)} {}

    poll<std::size_t> poll_result(context& cx) {
        if (!std::exchange(started_, true)) deadlines_->start(cx.executor());
        auto size = read_->poll_result(cx);
        if (size.is_item()) {
            limit_.stop();
            deadlines_->on_read();
            deadlines_->on_progress(cx.executor());
            return size;
        }
        if (!limit_.over(cx, deadlines_->read_until())) return pending;
        read_.reset();
        deadlines_->fail_read(stream_->name());
    }

private:
    S* stream_;
    stream_deadlines* deadlines_;
    std::optional<inner> read_;
    progress_limit limit_;
    bool started_ = false;
};

/// Writes in blocks, each of which is progress.
template <class S>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] limited_write_operation {
    using inner = decltype(std::declval<S&>().write(std::declval<byte_view>()));

public:
    using result_type = unit;

    limited_write_operation(S& stream, stream_deadlines& deadlines, byte_view what)
        : stream_{&stream}, deadlines_{&deadlines}, rest_{static_cast<const char*>(what.data()), what.size()} {}

    poll<unit> poll_result(context& cx) {
        if (!std::exchange(started_, true)) deadlines_->start(cx.executor());
        for (;;) {
            if (!write_) {
                const auto part = rest_.first(std::min(rest_.size(), block));
                rest_ = rest_.subspan(part.size());
                write_.emplace(stream_->write(byte_view{part}));
            }
            if (write_->poll_result(cx).is_pending()) break;
            write_.reset();
            limit_.stop();
            deadlines_->on_progress(cx.executor());
            if (rest_.empty()) return unit{};
            if (!cx.spend()) return cx.yield();
        }
        if (!limit_.over(cx, deadlines_->write_until())) return pending;
        write_.reset();
        deadlines_->fail_idle(stream_->name());
    }

private:
    static constexpr std::size_t block = 64 * 1024;

    S* stream_;
    stream_deadlines* deadlines_;
    std::span<const char> rest_;
    std::optional<inner> write_;
    progress_limit limit_;
    bool started_ = false;
};

} // namespace detail

/// A byte stream whose reads and writes fail when the peer is silent for too long.
///
///     weir::task<> talk(weir::tcp_stream client) {
///         weir::limited_stream limited{std::move(client), {.first_byte = 5s, .idle = 60s}};
///         ...
///     }
///
/// The time runs while an operation waits: a server that is busy with an answer does not lose its client. The start of
/// an operation and bytes in either direction start it anew; of a long write each part of 64 KiB does.
///
/// Errors: those of the stream, and timed_out: `weir::limited_stream: 10.0.0.1:4711: no data within 60s`. After it the
/// stream may be used on, as after a dropped read or write.
/// Lifetime: as of the stream; it must not be moved while its operations run.
/// Cost: one timer per operation that waits. No allocation.
/// See: serve, with_timeout.
template <byte_stream S>
class limited_stream {
public:
    limited_stream(S stream, const stream_limits& limits) : stream_(std::move(stream)), deadlines_{limits} {}

    auto read(byte_span to) { return detail::limited_read_operation<S>{stream_, deadlines_, to}; }
    auto write(byte_view what) { return detail::limited_write_operation<S>{stream_, deadlines_, what}; }
    auto shutdown_write() { return stream_.shutdown_write(); }
    std::string name() const { return stream_.name(); }

    /// The stream itself, without the limits.
    S& inner() noexcept { return stream_; }

private:
    S stream_;
    detail::stream_deadlines deadlines_;
};

} // namespace weir
