// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>

namespace weir::http {

namespace detail {

/// A byte stream of any type, whose operations are polled through virtual functions.
class raw_stream {
public:
    raw_stream() noexcept = default;
    raw_stream(const raw_stream&) = delete;
    raw_stream& operator=(const raw_stream&) = delete;
    virtual ~raw_stream() = default;

    // Each starts an operation, unless one is in flight, and continues it.
    virtual poll<std::size_t> poll_raw_read(context& cx, byte_span to) = 0;
    virtual poll<unit> poll_raw_write(context& cx, byte_view what) = 0;
    virtual poll<unit> poll_raw_shutdown(context& cx) = 0;
    // Cancel the operation in flight.
    virtual void drop_raw_read() noexcept = 0;
    virtual void drop_raw_write() noexcept = 0;
    virtual void drop_raw_shutdown() noexcept = 0;
    virtual std::string raw_name() const = 0;
};

/// The operations in flight of a byte stream, and bytes that were read ahead.
template <byte_stream S>
class raw_operations {
public:
    poll<std::size_t> poll_read(context& cx, S& from, bytes& ahead, byte_span to) {
        if (!ahead.empty()) {
            const std::size_t size = std::min(ahead.size(), to.size());
            std::copy_n(ahead.data(), size, static_cast<char*>(to.data()));
            ahead.remove_prefix(size);
            if (ahead.empty()) ahead = {};
            return size;
        }
        return run(cx, reading_, [&] { return from.read(to); });
    }
    poll<unit> poll_write(context& cx, S& to, byte_view what) {
        return run(cx, writing_, [&] { return to.write(what); });
    }
    poll<unit> poll_shutdown(context& cx, S& to) {
        return run(cx, shutting_down_, [&] { return to.shutdown_write(); });
    }
    void drop_read() noexcept { reading_.reset(); }
    void drop_write() noexcept { writing_.reset(); }
    void drop_shutdown() noexcept { shutting_down_.reset(); }

private:
    template <class Operation, class Start>
    static poll<typename Operation::result_type> run(context& cx, std::optional<Operation>& operation, Start start) {
        if (!operation) operation.emplace(start());
        try {
            auto result = operation->poll_result(cx);
            if (!result.is_pending()) operation.reset();
            return result;
        } catch (...) {
            operation.reset();
            throw;
        }
    }

    std::optional<decltype(std::declval<S&>().read(std::declval<byte_span>()))> reading_;
    std::optional<decltype(std::declval<S&>().write(std::declval<byte_view>()))> writing_;
    std::optional<decltype(std::declval<S&>().shutdown_write())> shutting_down_;
};

template <byte_stream S>
class raw_stream_of final : public raw_stream {
public:
    explicit raw_stream_of(S stream) : stream_(std::move(stream)) {}

    poll<std::size_t> poll_raw_read(context& cx, byte_span to) override {
        return operations_.poll_read(cx, stream_, ahead_, to);
    }
    poll<unit> poll_raw_write(context& cx, byte_view what) override {
        return operations_.poll_write(cx, stream_, what);
    }
    poll<unit> poll_raw_shutdown(context& cx) override { return operations_.poll_shutdown(cx, stream_); }
    void drop_raw_read() noexcept override { operations_.drop_read(); }
    void drop_raw_write() noexcept override { operations_.drop_write(); }
    void drop_raw_shutdown() noexcept override { operations_.drop_shutdown(); }
    std::string raw_name() const override { return stream_.name(); }

private:
    S stream_;
    bytes ahead_;
    raw_operations<S> operations_; // last: cancelled before their memory is freed
};

} // namespace detail

/// A connection that has left HTTP for another protocol, by `101 Switching Protocols`, or any other byte stream. It is
/// a byte stream.
///
/// Errors: those of the stream below.
/// Dropped: closes the connection. A dropped read loses no bytes if that is true of the stream below.
/// Cost: one allocation, and virtual calls.
/// See: response::upgrade, upgrade.
class upgraded_stream {
    template <class Result, auto drop>
    class raw_operation {
    public:
        raw_operation(raw_operation&& other) noexcept
            : stream_{other.stream_}, started_{std::exchange(other.started_, false)} {}
        raw_operation(const raw_operation&) = delete;
        raw_operation& operator=(const raw_operation&) = delete;

    protected:
        explicit raw_operation(detail::raw_stream& s) noexcept : stream_{&s} {}
        ~raw_operation() {
            if (started_) (stream_->*drop)();
        }
        template <class Poll>
        poll<Result> run(Poll poll_once) {
            started_ = true;
            try {
                auto result = poll_once(*stream_);
                if (!result.is_pending()) started_ = false;
                return result;
            } catch (...) {
                started_ = false;
                throw;
            }
        }

    private:
        detail::raw_stream* stream_;
        bool started_ = false;
    };

public:
    class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] read_operation
        : raw_operation<std::size_t, &detail::raw_stream::drop_raw_read> {
    public:
        using result_type = std::size_t;

        read_operation(detail::raw_stream& s, byte_span to) noexcept : raw_operation{s}, to_{to} {}

        poll<std::size_t> poll_result(context& cx) {
            return run([&](detail::raw_stream& s) { return s.poll_raw_read(cx, to_); });
        }

    private:
        byte_span to_;
    };

    class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] write_operation
        : raw_operation<unit, &detail::raw_stream::drop_raw_write> {
    public:
        using result_type = unit;

        write_operation(detail::raw_stream& s, byte_view what) noexcept : raw_operation{s}, what_{what} {}

        poll<unit> poll_result(context& cx) {
            return run([&](detail::raw_stream& s) { return s.poll_raw_write(cx, what_); });
        }

    private:
        byte_view what_;
    };

    class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] shutdown_operation
        : raw_operation<unit, &detail::raw_stream::drop_raw_shutdown> {
    public:
        using result_type = unit;

        explicit shutdown_operation(detail::raw_stream& s) noexcept : raw_operation{s} {}

        poll<unit> poll_result(context& cx) {
            return run([&](detail::raw_stream& s) { return s.poll_raw_shutdown(cx); });
        }
    };

    explicit upgraded_stream(std::unique_ptr<detail::raw_stream> stream) noexcept : stream_{std::move(stream)} {}
    template <byte_stream S>
    explicit upgraded_stream(S stream) : stream_{std::make_unique<detail::raw_stream_of<S>>(std::move(stream))} {}

    read_operation read(byte_span to) noexcept { return read_operation{*stream_, to}; }
    write_operation write(byte_view what) noexcept { return write_operation{*stream_, what}; }
    shutdown_operation shutdown_write() noexcept { return shutdown_operation{*stream_}; }
    std::string name() const { return stream_->raw_name(); }

private:
    std::unique_ptr<detail::raw_stream> stream_;
};

} // namespace weir::http
